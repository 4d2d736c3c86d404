"""Claude, through the Anthropic SDK."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import httpx2
from anthropic.types import Message, TextBlock

from app.llm.backends.bodies import UnfitBody
from app.llm.backends.claude_thinking import thinking
from app.llm.backends.counts import ESTIMATED, count, estimated
from app.llm.backends.failures import Server, with_models
from app.llm.backends.sdk_client import TIMEOUT, http_client
from app.llm.dialect import to_dialect
from app.llm.errors import ContextOverflow, InvalidAnswer, LLMError, MissingKey, Refused, Truncated
from app.llm.types import JSON, Answer, BackendName, Call
from app.settings import Settings
from app.usage.tokens import Tokens

_BROKEN = (
    anthropic.AnthropicError,
    httpx2.HTTPError,
    UnfitBody,
    json.JSONDecodeError,
    UnicodeError,
    RecursionError,
)
_REMEDY = "Check WORKBENCH_ANTHROPIC_API_KEY and WORKBENCH_ANTHROPIC_BASE_URL"


class AnthropicBackend:
    name: BackendName = "anthropic"

    def __init__(self, settings: Settings) -> None:
        secret = settings.anthropic_api_key
        self._key = secret.get_secret_value().strip() if secret else ""
        self._server = Server("Claude", settings.anthropic_base_url, _REMEDY, self._key)
        self._client: anthropic.AsyncAnthropic | None = None

    async def answer(self, call: Call) -> Answer:
        translated = to_dialect(call.schema, "anthropic")
        client = self._connect()
        try:
            reply = await client.messages.create(**_request(call, translated.schema))
        except _BROKEN as error:
            raise await with_models(self._failure(error), call.profile.model, self.models) from error
        return self._read(reply, call, translated.weakened)

    async def models(self) -> list[str]:
        client = self._connect()
        try:
            page = await client.models.list(limit=100, timeout=TIMEOUT)
            return [model.id for model in page.data]
        except _BROKEN as error:
            raise self._failure(error) from error
        except (AttributeError, TypeError) as error:
            raise self._server.broken("no list of models") from error

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    def _connect(self) -> anthropic.AsyncAnthropic:
        if not (self._key and self._key.isascii() and self._key.isprintable()):
            raise MissingKey(
                "Claude needs an API key: set WORKBENCH_ANTHROPIC_API_KEY in the environment or in .env, "
                "or choose another backend"
            )
        if self._client is None:
            self._server.check_url()
            self._client = anthropic.AsyncAnthropic(
                api_key=self._key,
                base_url=self._server.url,
                timeout=TIMEOUT,
                max_retries=0,
                open_telemetry=False,
                http_client=http_client(),
            )
            # The SDK adds headers that it finds in the environment; only ours are sent.
            self._client._custom_headers = {}
        return self._client

    def _failure(self, error: Exception) -> LLMError:
        match error:
            case anthropic.APIStatusError():
                return self._server.status(error.status_code, _reason(error.body), error.response.headers)
            case anthropic.APITimeoutError() if not isinstance(error.__cause__, httpx2.ConnectTimeout):
                return self._server.silent()
            case anthropic.APIConnectionError(__cause__=httpx2.ConnectError() | httpx2.ConnectTimeout()):
                return self._server.unreachable(error.__cause__ or error)
            case UnicodeEncodeError():
                return self._server.unsendable(error)
        return self._server.lost(error.__cause__ or error)

    def _read(self, reply: object, call: Call, weakened: tuple[str, ...]) -> Answer:
        """The answer in the reply. The SDK gives text for HTML, and does not check what fields hold."""
        if isinstance(reply, str):
            raise self._server.lost("it is no JSON")
        if not isinstance(reply, Message) or not isinstance(getattr(reply, "content", None), list):
            raise self._server.broken(_reason(getattr(reply, "model_extra", None)) or "it is no message")
        text = "".join(block.text for block in reply.content if isinstance(block, TextBlock))
        usage = getattr(reply, "usage", None)
        tokens = _tokens(usage) if usage else estimated(call, text)
        _check_stop(reply, call, tokens)
        notes = weakened if usage else (*weakened, ESTIMATED)
        model = str(getattr(reply, "model", "") or call.profile.model)
        return Answer(text, tokens, model, request_id=reply._request_id, weakened=notes)


def _request(call: Call, schema: dict[str, JSON]) -> dict[str, Any]:
    think, effort = thinking(call.profile)
    request: dict[str, Any] = {
        "model": call.profile.model,
        "max_tokens": call.profile.max_output_tokens,
        # An empty answer that is asked again would be refused as a message without text.
        "messages": [{"role": m.role, "content": m.content} for m in call.messages if m.content.strip()],
        "output_config": {"format": {"type": "json_schema", "schema": schema}, **effort},
        "thinking": think,
        "timeout": TIMEOUT,  # without it the SDK refuses long answers that are not streamed
    }
    if call.system:
        stable = {"type": "text", "text": call.system, "cache_control": {"type": "ephemeral"}}
        request["system"] = [stable]
    return request


def _check_stop(reply: Message, call: Call, tokens: Tokens) -> None:
    """Raises unless the model ended by itself. The text of a cut answer is never used."""
    limit, name = call.profile.max_output_tokens, call.profile.name
    match getattr(reply, "stop_reason", None):
        case "end_turn" | "stop_sequence":
            return
        case "max_tokens":
            raise Truncated(
                f"the answer was cut off at {limit:,} tokens, thinking included; "
                f"raise max_output_tokens of the profile {name!r} or ask for less",
                tokens=tokens,
            )
        case "model_context_window_exceeded":
            raise ContextOverflow("prompt and answer do not fit the model's context", tokens=tokens)
        case "refusal":
            details = getattr(reply, "stop_details", None)
            category = getattr(details, "category", None) or "no category given"
            why = getattr(details, "explanation", None) or "no explanation given"
            raise Refused(f"Claude declined to answer ({category}): {why}", tokens=tokens)
        case other:
            raise InvalidAnswer(f"the answer ended with {other!r}, not by itself", tokens=tokens)


def _tokens(usage: Any) -> Tokens:
    details = getattr(usage, "output_tokens_details", None)
    return Tokens(
        input=count(getattr(usage, "input_tokens", 0)),
        cache_read=count(getattr(usage, "cache_read_input_tokens", 0)),
        cache_write=count(getattr(usage, "cache_creation_input_tokens", 0)),
        output=count(getattr(usage, "output_tokens", 0)),
        thinking=count(getattr(details, "thinking_tokens", 0)),
    )


def _reason(body: object) -> str:
    """The error text in a body: `{"error": {"type", "message"}}`, else the body itself."""
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        return f"{error.get('type', 'error')}: {error.get('message', '')}"
    return str(error or body or "")
