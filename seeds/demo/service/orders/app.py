"""The routes of the service and what they do."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime

from orders.errors import BadRequest, NotFound
from orders.messages import Request, Response
from orders.router import Router
from orders.store import OrderStore

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


def build_app(store: OrderStore, clock: Clock = utc_now) -> Router:
    api = OrdersApi(store, clock)
    router = Router()
    router.add("GET", "/orders", api.list_all)
    router.add("POST", "/orders", api.create)
    router.add("GET", "/orders/{id}", api.show)
    router.add("POST", "/orders/{id}/cancel", api.cancel)
    return router


class OrdersApi:
    def __init__(self, store: OrderStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def list_all(self, request: Request) -> Response:
        return Response(200, [asdict(order) for order in self._store.all()])

    def create(self, request: Request) -> Response:
        data = request.json()
        item, quantity = data.get("item"), data.get("quantity", 1)
        if not isinstance(item, str) or not item.strip():
            raise BadRequest("item must be a text")
        if type(quantity) is not int or quantity < 1:
            raise BadRequest("quantity must be a whole number from 1")
        created_at = self._clock().isoformat(timespec="seconds")
        return Response(201, asdict(self._store.add(item.strip(), quantity, created_at)))

    def show(self, request: Request) -> Response:
        return Response(200, asdict(self._store.get(_order_id(request))))

    def cancel(self, request: Request) -> Response:
        return Response(200, asdict(self._store.cancel(_order_id(request))))


def _order_id(request: Request) -> int:
    try:
        return int(request.params["id"])
    except ValueError as error:
        raise NotFound(f"no order {request.params['id']}") from error
