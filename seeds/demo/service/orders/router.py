"""Finds the handler of a request; `{name}` in a path matches one segment."""

from collections.abc import Callable
from dataclasses import replace

from orders.errors import ApiError, MethodNotAllowed, NotFound
from orders.messages import Request, Response

Handler = Callable[[Request], Response]


class Router:
    def __init__(self) -> None:
        self._routes: list[tuple[str, str, Handler]] = []

    @property
    def routes(self) -> list[tuple[str, str]]:
        """Method and path of each route, in the order they were added."""
        return [(method, path) for method, path, _ in self._routes]

    def add(self, method: str, path: str, handler: Handler) -> None:
        self._routes.append((method, path, handler))

    def dispatch(self, request: Request) -> Response:
        try:
            handler, params = self._find(request)
            return handler(replace(request, params=params))
        except ApiError as error:
            return Response(error.status, {"error": str(error)})

    def _find(self, request: Request) -> tuple[Handler, dict[str, str]]:
        methods = []
        for method, path, handler in self._routes:
            params = _match(path, request.path)
            if params is None:
                continue
            if method == request.method:
                return handler, params
            methods.append(method)
        if methods:
            raise MethodNotAllowed(f"{request.path} takes {', '.join(methods)}")
        raise NotFound(f"no route {request.path}")


def _match(pattern: str, path: str) -> dict[str, str] | None:
    wanted, given = pattern.split("/"), path.split("/")
    if len(wanted) != len(given):
        return None
    params = {}
    for part, value in zip(wanted, given, strict=True):
        if part.startswith("{") and value:
            params[part.strip("{}")] = value
        elif part != value:
            return None
    return params
