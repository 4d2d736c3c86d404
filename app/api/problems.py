"""Every error as application/problem+json: what, why, where; never the insides of the service."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app import db
from app.errors import Unauthorized, WorkbenchError

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
MAX_PLACES = 20
HTTP_CODES = {404: "not_found", 405: "method_not_allowed"}


class Problem(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str
    """`/problems/` and the code."""
    title: str
    status: int
    detail: str
    """What is wrong, why, and what to do."""
    code: str
    """Stable name of the error."""
    details: dict[str, Any]
    """More about it, such as `place` or the `errors` of a body."""


class Answered(Exception):
    """An error of HTTP alone, which the rest of the service does not know."""

    def __init__(self, status: int, code: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.details = status, code, message, details


def install(app: FastAPI) -> None:
    """What the framework itself finds wrong: bodies, paths and methods."""

    @app.exception_handler(RequestValidationError)
    async def _validation(request: Request, error: RequestValidationError) -> Response:
        return _invalid(error.errors())

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        code = HTTP_CODES.get(error.status_code, "http_error")
        what = f"{request.method} {request.url.path}: {error.detail}"
        return problem(error.status_code, code, what, headers=error.headers)


def answer(error: Exception, request_id: str) -> Response:
    """The response to anything that was raised."""
    match error:
        case WorkbenchError() | Answered():
            headers = {"www-authenticate": "Bearer"} if isinstance(error, Unauthorized) else None
            return problem(error.status, error.code, error.message, error.details, headers)
        case _ if isinstance(error, db.LOST):
            log.warning("the database does not answer: %s", db.first_line(error))
            return problem(503, "unavailable", "the database does not answer; try again in a moment")
        case _:
            log.error("request %s failed", request_id, exc_info=error)
            message = "the service made a mistake; its log has the details under the request id"
            return problem(500, "internal", message, {"request_id": request_id})


def problem(
    status: int,
    code: str,
    message: str,
    details: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    body = {
        "type": f"/problems/{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": message,
        "code": code,
        "details": dict(details or {}),
    }
    text = json.dumps(body, default=str, ensure_ascii=True)
    return Response(text, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def _invalid(errors: Sequence[Any]) -> Response:
    """One line per fault; what was sent is not repeated, it may be long or secret."""
    found = [{"place": _place(error["loc"]), "message": error["msg"]} for error in errors[:MAX_PLACES]]
    first = found[0]
    message = f"{first['place']}: {first['message']}"
    return problem(422, "invalid", message, {"place": first["place"], "errors": found})


def _place(steps: Sequence[str | int]) -> str:
    """`phases[2].schema`; where a value was sent (body, path) only when nothing else is known."""
    text = ""
    for step in steps[1:]:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".") or str(steps[0])
