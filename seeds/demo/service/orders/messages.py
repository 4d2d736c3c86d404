"""A request and a response, free of any socket."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orders.errors import BadRequest


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    body: bytes = b""
    params: Mapping[str, str] = field(default_factory=dict)
    """What the router found in the path."""

    def json(self) -> dict[str, Any]:
        try:
            data = json.loads(self.body)
        except ValueError as error:
            raise BadRequest("the body is not JSON") from error
        if not isinstance(data, dict):
            raise BadRequest("the body must be a JSON object")
        return data


@dataclass(frozen=True)
class Response:
    status: int
    body: Any

    def encode(self) -> bytes:
        return json.dumps(self.body).encode()
