"""The typed error for each way a server can fail, the same for every backend."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.llm.backends.retry_after import retry_after_s
from app.llm.errors import (
    AuthenticationFailed,
    BackendDown,
    ContextOverflow,
    DeadlineExceeded,
    LLMError,
    ModelNotFound,
    OutOfCredit,
    Overloaded,
    RateLimited,
    ReplyLost,
    RequestRefused,
    SchemaRefused,
)
from app.llm.types import Mode

_OVERFLOW = (
    "prompt is too long",
    "context length",
    "context window",
    "context size",
    "context limit",
    "exceed_context_size_error",
    "context_length_exceeded",
)
_NO_CREDIT = ("credit balance", "insufficient_quota", "billing_error", "exceeded your current quota")
_NO_SCHEMA = re.compile(
    r"too complex for compilation|grammar|schema|response_format|output_config\.format|structured output"
    r"|invalid format|tool_choice|\btools?\b.*\b(support|strict|enable|jinja)|\b(support|enable)\w* tools?\b"
)
"""Words of a server that takes the question but not the schema in it, or not in this mode."""
_KINDS: dict[int, type[LLMError]] = {
    401: AuthenticationFailed,
    402: OutOfCredit,
    403: AuthenticationFailed,
    404: ModelNotFound,
    429: RateLimited,
    503: Overloaded,
    529: Overloaded,
}
_SECRET_CHARS = 8
"""A shorter key is none, and cutting it out would tear words apart."""
_TRANSIENT = frozenset({408, 409, 425})


@dataclass(frozen=True)
class Server:
    """Who answers, in words for an error message."""

    name: str
    url: str
    remedy: str
    """What to do when it does not answer or refuses the key."""
    secret: str = ""
    """Cut out of every message: some servers repeat the key they refuse."""

    @property
    def place(self) -> str:
        """The URL without a user and password in it."""
        return re.sub(r"//[^/]*@", "//", self.url)

    def check_url(self) -> None:
        """Raises `BackendDown` for an address that no client can use, before anything is sent."""
        try:
            parts = urlsplit(self.url)
            fits = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            fits = False
        if not fits:
            raise BackendDown(
                f"{self.place!r} is no http:// or https:// address of {self.name}. {self.remedy}"
            )

    def says(self, text: object) -> str:
        """What the server said, as one short line without the key."""
        line = " ".join(str(text).split())
        if len(self.secret) >= _SECRET_CHARS:
            line = line.replace(self.secret, "***")
        return line[:500]

    def status(self, status: int, text: str, headers: Mapping[str, str], mode: Mode = "prompt") -> LLMError:
        """The error for a reply with this HTTP status and error text to a request in this mode."""
        kind = _kind(status, text.lower(), mode)
        message = f"{self.name} answered {status}: {self.says(text) or 'no reason given'}"
        if 300 <= status < 400:
            message = f"{self.name} answered {status}, a redirect; it is not followed. {self.remedy}"
        elif kind is AuthenticationFailed:
            message = f"{message}. {self.remedy}"
        return kind(message, retry_after_s=retry_after_s(headers))

    def broke_off(self, status: int, text: str) -> LLMError:
        """The error that a server sent in the middle of its answer; the status is that of its like."""
        return _kind(status, text.lower(), "prompt")(f"{self.name} broke off its answer: {self.says(text)}")

    def unreachable(self, cause: BaseException) -> BackendDown:
        """No connection: nothing was sent."""
        return BackendDown(f"no answer from {self.name} at {self.place}: {self._why(cause)}. {self.remedy}")

    def lost(self, cause: BaseException | str) -> ReplyLost:
        """A reply that broke off or can not be read; it may have been billed."""
        return ReplyLost(
            f"{self.name} at {self.place} sent no usable reply: {self._why(cause)}. {self.remedy}"
        )

    def broken(self, what: str) -> BackendDown:
        """A whole reply that holds no answer."""
        return BackendDown(f"{self.name} at {self.place} sent no answer: {self.says(what)}. {self.remedy}")

    def unsendable(self, cause: UnicodeEncodeError) -> RequestRefused:
        return RequestRefused(f"the prompt can not be sent to {self.name}: {cause.reason}")

    def silent(self) -> DeadlineExceeded:
        """Connected, but not one byte within the timeout of the socket."""
        return DeadlineExceeded(f"{self.name} at {self.place} stopped answering")

    def _why(self, cause: BaseException | str) -> str:
        return self.says(cause) or type(cause).__name__


async def with_models(error: LLMError, model: str, models: Callable[[], Awaitable[list[str]]]) -> LLMError:
    """The same error; for an unknown model it names those that the server has."""
    if not isinstance(error, ModelNotFound):
        return error
    try:
        known = ", ".join(sorted(await models())[:50]) or "none"
    except LLMError:
        return error
    return ModelNotFound(f"no model {model!r}: {error.message}; there are: {known}")


def _kind(status: int, text: str, mode: Mode) -> type[LLMError]:
    if status in (400, 413, 422, 500) and any(mark in text for mark in _OVERFLOW):
        return ContextOverflow
    if status in (400, 403, 429) and any(mark in text for mark in _NO_CREDIT):
        return OutOfCredit
    if mode != "prompt" and status in (400, 422, 500, 501) and _NO_SCHEMA.search(text):
        return SchemaRefused
    if status in _KINDS:
        return _KINDS[status]
    if 400 <= status < 500 and status not in _TRANSIENT:
        return RequestRefused
    return Overloaded if "overloaded_error" in text else BackendDown
