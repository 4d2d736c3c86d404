"""Calls the app in this process, as a client would see it but without a socket."""

import json
from typing import Any

from orders.messages import Request
from orders.router import Router


class Client:
    def __init__(self, app: Router) -> None:
        self._app = app

    def get(self, path: str) -> tuple[int, Any]:
        return self._call("GET", path, b"")

    def post(self, path: str, body: Any = None) -> tuple[int, Any]:
        return self._call("POST", path, json.dumps(body).encode())

    def _call(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        """Status and decoded body."""
        response = self._app.dispatch(Request(method, path, body))
        return response.status, json.loads(response.encode())
