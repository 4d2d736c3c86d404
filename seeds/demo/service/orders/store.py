"""Orders in one JSON file, replaced as a whole by each write."""

import json
import os
import threading
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from orders.errors import Conflict, NotFound, StoreUnavailable


@dataclass(frozen=True)
class Order:
    id: int
    item: str
    quantity: int
    created_at: str
    cancelled: bool = False


class OrderStore:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def all(self) -> list[Order]:
        """Every order, oldest first. A missing file holds no orders."""
        try:
            rows = json.loads(self._path.read_text("utf-8"))
            return [Order(**row) for row in rows]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError) as error:
            raise StoreUnavailable(f"can not read the orders: {error}") from error

    def get(self, order_id: int) -> Order:
        for order in self.all():
            if order.id == order_id:
                return order
        raise NotFound(f"no order {order_id}")

    def add(self, item: str, quantity: int, created_at: str) -> Order:
        with self._lock:
            orders = self.all()
            order = Order(len(orders) + 1, item, quantity, created_at)
            self._write([*orders, order])
            return order

    def cancel(self, order_id: int) -> Order:
        with self._lock:
            order = self.get(order_id)
            if order.cancelled:
                raise Conflict(f"order {order_id} was cancelled before")
            cancelled = replace(order, cancelled=True)
            self._write([cancelled if o.id == order_id else o for o in self.all()])
            return cancelled

    def check(self) -> None:
        """Raises StoreUnavailable when the orders can not be read, or their folder is gone."""
        self.all()
        if not self._path.parent.is_dir():
            raise StoreUnavailable(f"no folder {self._path.parent}")

    def _write(self, orders: list[Order]) -> None:
        temporary = self._path.with_suffix(".tmp")
        try:
            temporary.write_text(json.dumps([asdict(o) for o in orders]), "utf-8")
            os.replace(temporary, self._path)
        except OSError as error:
            raise StoreUnavailable(f"can not write the orders: {error}") from error
