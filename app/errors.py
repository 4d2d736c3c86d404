"""The errors a person can see: what, why and what to do; the HTTP status lives on the class."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar


class WorkbenchError(Exception):
    """An error with a stable `code`, a readable message and details that are plain JSON."""

    status: ClassVar[int] = 500
    code: str = "internal"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class Invalid(WorkbenchError):
    """The input is wrong; `place` in the details names where."""

    status = 422
    code = "invalid"


class NotFound(WorkbenchError):
    status = 404
    code = "not_found"


class Conflict(WorkbenchError):
    """The state does not allow this; the message says which state and why."""

    status = 409
    code = "conflict"


class Gone(WorkbenchError):
    """It was there, and was removed by the policy of what is kept."""

    status = 410
    code = "gone"


class Unauthorized(WorkbenchError):
    status = 401
    code = "unauthorized"


class Forbidden(WorkbenchError):
    status = 403
    code = "forbidden"


class TooLarge(WorkbenchError):
    status = 413
    code = "too_large"


class Unavailable(WorkbenchError):
    """Something the service needs is missing; the message says what to install, start or set."""

    status = 503
    code = "unavailable"


class SchemaMismatch(ValueError):
    """The document breaks its schema: one line per error, `path: what`."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


def unknown(kind: str, name: str, known: Iterable[str]) -> NotFound:
    """`NotFound` for a name in a closed set; the message lists what exists."""
    names = ", ".join(sorted(known)) or "none"
    return NotFound(f"no {kind} {name!r}; there are: {names}")
