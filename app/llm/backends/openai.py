"""Any server with OpenAI's chat completions (LM Studio, llama.cpp, vLLM), through the OpenAI SDK."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx2
import openai

from app.llm.backends.bodies import UnfitBody, is_stream
from app.llm.backends.failures import Server, with_models
from app.llm.backends.modes import translated
from app.llm.backends.openai_reply import check_finish, take_chunk, take_completion
from app.llm.backends.openai_request import request_body
from app.llm.backends.plain import at, plain, text_at
from app.llm.backends.received import Received, Repeats
from app.llm.backends.sdk_client import TIMEOUT, http_client
from app.llm.errors import InvalidAnswer, LLMError
from app.llm.types import Answer, BackendName, Call, Mode
from app.settings import Settings

_BROKEN = (
    openai.OpenAIError,
    httpx2.HTTPError,
    UnfitBody,
    json.JSONDecodeError,
    UnicodeError,
    RecursionError,
)
_REMEDY = (
    "Check that the server runs, WORKBENCH_OPENAI_BASE_URL (it ends with /v1) and WORKBENCH_OPENAI_API_KEY"
)
_UNREADABLE = "does not match the expected peg"
"""llama.cpp could not read the model's own output: a fault of the answer, not of the server."""
_NO_KEY = "none"
"""The SDK wants a key; most local servers do not look at it."""


class OpenAIBackend:
    name: BackendName = "openai"

    def __init__(self, settings: Settings) -> None:
        secret = settings.openai_api_key
        self._key = secret.get_secret_value().strip() if secret else ""
        self._server = Server("the OpenAI-compatible server", settings.openai_base_url, _REMEDY, self._key)
        self._local = "//api.openai.com" not in settings.openai_base_url
        self._fingerprint = ""
        self._client: openai.AsyncOpenAI | None = None

    async def answer(self, call: Call) -> Answer:
        asked = translated(
            call,
            grammar="llamacpp" if self._local else "openai",
            tool="llamacpp" if self._local else "openai_tool",
        )
        paid = not self._local or call.profile.price_usd_per_mtok is not None
        received = Received()
        try:
            await self._receive(request_body(call, asked.schema, local=self._local), received)
        except Repeats:
            raise received.loop(call, paid=paid) from None
        except _BROKEN as error:
            failure = self._failure(error, call.mode)
            if _is_broken_off(error):
                failure.tokens, failure.reply_lost = received.tokens(call), paid
            raise await with_models(failure, call.profile.model, self.models) from error
        check_finish(received, call)
        return received.answer(call, asked.weakened)

    async def models(self) -> list[str]:
        try:
            page = await self._connect().models.list(timeout=TIMEOUT)
            return [model.id for model in page.data]
        except _BROKEN as error:
            raise self._failure(error) from error
        except (AttributeError, TypeError) as error:
            raise self._server.broken("no list of models") from error

    async def version(self) -> str:
        """What llama.cpp was built from, or the fingerprint of the last answer; other servers do not say."""
        known = await self._build_info() if self._local else ""
        if not known:
            await self.models()
        return known or self._fingerprint

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    def _connect(self) -> openai.AsyncOpenAI:
        if self._client is None:
            self._server.check_url()
            self._client = openai.AsyncOpenAI(
                api_key=self._key or _NO_KEY,
                base_url=self._server.url,
                timeout=TIMEOUT,
                max_retries=0,
                http_client=http_client(),
            )
            # The SDK adds headers that it finds in the environment; only ours are sent.
            self._client._custom_headers = {}
            self._client.organization = self._client.project = None
        return self._client

    async def _receive(self, body: dict[str, Any], received: Received) -> None:
        """One request; raises unless the reply came to its end. Streamed, so that a loop can be stopped."""
        create = self._connect().chat.completions.create
        async with await create(**body, stream=True, stream_options={"include_usage": True}) as stream:
            received.request_id = stream.response.headers.get("x-request-id")
            if is_stream(stream.response.headers):
                async for event in stream:
                    chunk = plain(event)
                    self._fingerprint = text_at(chunk, "system_fingerprint") or self._fingerprint
                    take_chunk(received, chunk)
            else:
                whole = json.loads(await stream.response.aread())
                if not take_completion(received, whole):
                    raise self._server.broken(_reason(whole) or "it holds no choice")
        if not received.ended:
            raise self._server.lost("it ended before the answer did")

    async def _build_info(self) -> str:
        """From llama.cpp's `/props`, which is beside `/v1`; empty for other servers."""
        parts = urlsplit(self._server.url)
        props = urlunsplit(parts._replace(path=parts.path.rstrip("/").removesuffix("/v1") + "/props"))
        try:
            reply = await self._connect().get(props, cast_to=object, options={"timeout": TIMEOUT})
        except _BROKEN:
            return ""
        return text_at(reply, "build_info")

    def _failure(self, error: Exception, mode: Mode = "prompt") -> LLMError:
        match error:
            case openai.APIError(body=body) if _UNREADABLE in str(body):
                return InvalidAnswer(
                    "the server could not read what the model wrote", errors=(_reason(body),)
                )
            case openai.APIStatusError():
                return self._server.status(
                    error.status_code, _reason(error.body), error.response.headers, mode
                )
            case openai.APITimeoutError() if not isinstance(error.__cause__, httpx2.ConnectTimeout):
                return self._server.silent()
            case openai.APIConnectionError(__cause__=httpx2.ConnectError() | httpx2.ConnectTimeout()):
                return self._server.unreachable(error.__cause__ or error)
            case UnicodeEncodeError():
                return self._server.unsendable(error)
        if _is_broken_off(error):
            return self._server.broke_off(_status(error), _reason(getattr(error, "body", None)))
        return self._server.lost(error.__cause__ or error)


def _is_broken_off(error: Exception) -> bool:
    """Whether the server sent an error within its stream; the SDK has no class for that."""
    return type(error) is openai.APIError


def _status(error: Exception) -> int:
    """The HTTP status that llama.cpp puts into the body of such an error; 500 where there is none."""
    code = at(getattr(error, "body", None), "code")
    return code if isinstance(code, int) and 400 <= code < 600 else 500


def _reason(body: object) -> str:
    """The error text in a body: `{"error": {"message"}}`, LM Studio's `{"error": "text"}`, else the body."""
    inner = body.get("error", body) if isinstance(body, dict) else body
    if isinstance(inner, dict):
        kind = inner.get("code") or inner.get("type") or "error"
        return f"{kind}: {inner.get('message', '')}"
    return str(inner or "")
