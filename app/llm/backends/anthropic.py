"""Claude, through the Anthropic SDK."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import httpx2

from app.llm.backends.bodies import UnfitBody, is_stream
from app.llm.backends.claude_reply import check_stop, take_event, take_message
from app.llm.backends.claude_request import request_body
from app.llm.backends.failures import Server, with_models
from app.llm.backends.modes import translated
from app.llm.backends.plain import plain
from app.llm.backends.received import Received, Repeats
from app.llm.backends.sdk_client import TIMEOUT, http_client
from app.llm.errors import LLMError, MissingKey
from app.llm.types import Answer, BackendName, Call, Mode
from app.settings import Settings

_BROKEN = (
    anthropic.AnthropicError,
    httpx2.HTTPError,
    UnfitBody,
    json.JSONDecodeError,
    UnicodeError,
    RecursionError,
)
_STATUS = {
    "invalid_request_error": 400,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""An error within a stream comes with status 200; its type says which status it would have had."""
_REMEDY = "Check WORKBENCH_ANTHROPIC_API_KEY and WORKBENCH_ANTHROPIC_BASE_URL"


class AnthropicBackend:
    name: BackendName = "anthropic"

    def __init__(self, settings: Settings) -> None:
        secret = settings.anthropic_api_key
        self._key = secret.get_secret_value().strip() if secret else ""
        self._server = Server("Claude", settings.anthropic_base_url, _REMEDY, self._key)
        self._client: anthropic.AsyncAnthropic | None = None

    async def answer(self, call: Call) -> Answer:
        asked = translated(call, grammar="anthropic", tool="anthropic_tool")
        client = self._connect()
        received = Received()
        try:
            await self._receive(client, request_body(call, asked.schema), received)
        except Repeats:
            raise received.loop(call, paid=True) from None
        except _BROKEN as error:
            failure = self._failure(error, call.mode)
            raise await with_models(failure, call.profile.model, self.models) from error
        check_stop(received, call)
        return received.answer(call, asked.weakened)

    async def models(self) -> list[str]:
        client = self._connect()
        try:
            page = await client.models.list(limit=100, timeout=TIMEOUT)
            return [model.id for model in page.data]
        except _BROKEN as error:
            raise self._failure(error) from error
        except (AttributeError, TypeError) as error:
            raise self._server.broken("no list of models") from error

    async def version(self) -> str:
        """The date of the API's version that is spoken."""
        await self.models()
        return str(self._connect().default_headers.get("anthropic-version", ""))

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

    async def _receive(
        self, client: anthropic.AsyncAnthropic, body: dict[str, Any], received: Received
    ) -> None:
        """One request; raises unless the reply came to its end. Streamed, so that a loop can be stopped."""
        async with await client.messages.create(**body, timeout=TIMEOUT, stream=True) as stream:
            received.request_id = stream.response.headers.get("request-id")
            if is_stream(stream.response.headers):
                async for event in stream:
                    take_event(received, plain(event))
            else:
                whole = json.loads(await stream.response.aread())
                if not take_message(received, whole):
                    raise self._server.broken(_reason(whole) or "it is no message")
        if not received.ended:
            raise self._server.lost("it ended before the answer did")

    def _failure(self, error: Exception, mode: Mode = "prompt") -> LLMError:
        match error:
            case anthropic.APIStatusError(status_code=200):
                failure = self._server.broke_off(_STATUS.get(error.type or "", 500), _reason(error.body))
                failure.reply_lost = True  # what was written until then may be billed
                return failure
            case anthropic.APIStatusError():
                return self._server.status(
                    error.status_code, _reason(error.body), error.response.headers, mode
                )
            case anthropic.APITimeoutError() if not isinstance(error.__cause__, httpx2.ConnectTimeout):
                return self._server.silent()
            case httpx2.ReadTimeout():
                return self._server.silent()
            case anthropic.APIConnectionError(__cause__=httpx2.ConnectError() | httpx2.ConnectTimeout()):
                return self._server.unreachable(error.__cause__ or error)
            case UnicodeEncodeError():
                return self._server.unsendable(error)
        return self._server.lost(error.__cause__ or error)


def _reason(body: object) -> str:
    """The error text in a body: `{"error": {"type", "message"}}`, else the body itself."""
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        return f"{error.get('type', 'error')}: {error.get('message', '')}"
    return str(error or body or "")
