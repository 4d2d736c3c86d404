"""What can go wrong with a model call; each error names the ledger's outcome and keeps the bill."""

from __future__ import annotations

from typing import Any, ClassVar

from app.errors import WorkbenchError
from app.usage.tokens import Tokens


class LLMError(WorkbenchError):
    """A model call that gave no usable answer. `tokens` is what it cost all the same, when known."""

    status = 502
    code = "llm_error"
    retryable: ClassVar[bool] = False
    reply_lost: bool = False
    """True: the request was sent and may have been billed; its ledger row stays open."""

    def __init__(
        self,
        message: str,
        *,
        tokens: Tokens | None = None,
        retry_after_s: float | None = None,
        **details: Any,
    ) -> None:
        super().__init__(message, **details)
        self.tokens = tokens
        self.retry_after_s = retry_after_s


class BackendDown(LLMError):
    """No connection, a 5xx, or a reply that breaks the protocol."""

    code = "backend_down"
    retryable = True


class ReplyLost(BackendDown):
    """The connection broke after the request was sent."""

    code = "reply_lost"
    reply_lost = True


class RateLimited(LLMError):
    code = "rate_limited"
    retryable = True


class Overloaded(LLMError):
    code = "overloaded"
    retryable = True


class DeadlineExceeded(LLMError):
    """The total deadline of the call passed; the reply may have been billed."""

    code = "deadline_exceeded"
    retryable = True
    reply_lost = True


class MissingKey(LLMError):
    """No key is set; the message says which setting."""

    code = "missing_key"


class AuthenticationFailed(LLMError):
    """The server refused the key (401, 403)."""

    code = "authentication_failed"


class OutOfCredit(LLMError):
    code = "out_of_credit"


class RequestRefused(LLMError):
    """The server refused the request itself (400, 413, 422): asking again would not help."""

    code = "request_refused"


class SchemaRefused(RequestRefused):
    """The server does not take this schema in this mode; another mode may do."""

    code = "schema_refused"


class ModelNotFound(LLMError):
    """The message lists what the server offers."""

    code = "model_not_found"


class ContextOverflow(LLMError):
    """The prompt does not fit the model's context, or the server cut it silently."""

    code = "context_overflow"


class Truncated(LLMError):
    """The answer hit its token limit; its text is never parsed."""

    code = "truncated"


class LoopDetected(LLMError):
    """The model repeated itself without end and was stopped.

    `tokens` are estimated from what was received, unless the server counted along. Where the answer is
    paid for and nobody knows how much was written, `reply_lost` is set.
    """

    code = "loop_detected"


class Refused(LLMError):
    """The model declined to answer."""

    code = "refused"


class InvalidAnswer(LLMError):
    """Text came back that is not the JSON asked for; `errors` has one line per fault."""

    code = "invalid_answer"

    def __init__(self, message: str, *, errors: tuple[str, ...] = (), tokens: Tokens | None = None) -> None:
        super().__init__(message, tokens=tokens, errors=list(errors))
        self.errors = errors


class LLMDisabled(LLMError):
    code = "llm_disabled"
    status = 503


class UnknownRecording(LLMError):
    """The cassette has no answer for this call; the message names the epics it knows."""

    code = "unknown_recording"
