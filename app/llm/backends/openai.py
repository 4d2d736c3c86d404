"""Any server with OpenAI's chat completions (LM Studio, llama.cpp, vLLM), through the OpenAI SDK."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx2
import openai
from openai.types.chat import ChatCompletion

from app.llm.backends.bodies import UnfitBody
from app.llm.backends.counts import ESTIMATED, count, estimated
from app.llm.backends.failures import Server, with_models
from app.llm.backends.sdk_client import TIMEOUT, http_client
from app.llm.dialect import to_dialect
from app.llm.errors import InvalidAnswer, LLMError, Refused, Truncated
from app.llm.types import JSON, Answer, BackendName, Call
from app.settings import Settings
from app.usage.tokens import Tokens

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
        self._client: openai.AsyncOpenAI | None = None

    async def answer(self, call: Call) -> Answer:
        translated = to_dialect(call.schema, "openai")
        try:
            reply = await self._connect().chat.completions.create(**self._request(call, translated.schema))
        except _BROKEN as error:
            raise await with_models(self._failure(error), call.profile.model, self.models) from error
        return self._read(reply, call, translated.weakened)

    async def models(self) -> list[str]:
        try:
            page = await self._connect().models.list(timeout=TIMEOUT)
            return [model.id for model in page.data]
        except _BROKEN as error:
            raise self._failure(error) from error
        except (AttributeError, TypeError) as error:
            raise self._server.broken("no list of models") from error

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

    def _request(self, call: Call, schema: dict[str, JSON]) -> dict[str, Any]:
        profile = call.profile
        system = [{"role": "system", "content": call.system}] if call.system else []
        request: dict[str, Any] = {
            "model": profile.model,
            "messages": [*system, *({"role": m.role, "content": m.content} for m in call.messages)],
            "max_tokens": profile.max_output_tokens,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": _schema_name(call), "strict": True, "schema": schema},
            },
            "reasoning_effort": {"off": "none", "on": "medium"}.get(profile.think, profile.think),
        }
        if self._local:
            # Read by the chat template; OpenAI itself refuses a field that it does not know.
            request["extra_body"] = {"chat_template_kwargs": {"enable_thinking": profile.think != "off"}}
        if profile.temperature is not None:
            request["temperature"] = profile.temperature
        return request

    def _failure(self, error: Exception) -> LLMError:
        match error:
            case openai.APIStatusError() if _UNREADABLE in str(error.body):
                return InvalidAnswer(
                    "the server could not read what the model wrote", errors=(_reason(error.body),)
                )
            case openai.APIStatusError():
                return self._server.status(error.status_code, _reason(error.body), error.response.headers)
            case openai.APITimeoutError() if not isinstance(error.__cause__, httpx2.ConnectTimeout):
                return self._server.silent()
            case openai.APIConnectionError(__cause__=httpx2.ConnectError() | httpx2.ConnectTimeout()):
                return self._server.unreachable(error.__cause__ or error)
            case UnicodeEncodeError():
                return self._server.unsendable(error)
        return self._server.lost(error.__cause__ or error)

    def _read(self, reply: object, call: Call, weakened: tuple[str, ...]) -> Answer:
        """The answer in the reply. The SDK gives text for HTML, and does not check what fields hold."""
        if isinstance(reply, str):
            raise self._server.lost("it is no JSON")
        if not isinstance(reply, ChatCompletion) or not isinstance(getattr(reply, "choices", None), list):
            raise self._server.broken(
                _reason(getattr(reply, "model_extra", None)) or "it is no chat completion"
            )
        message = getattr(reply.choices[0], "message", None) if reply.choices else None
        if message is None:
            raise self._server.broken("it holds no choice")
        text = _text(message)
        usage = getattr(reply, "usage", None)
        tokens = _tokens(usage) if usage else estimated(call, text)
        _check_finish(getattr(reply.choices[0], "finish_reason", None), message, call, tokens)
        notes = weakened if usage else (*weakened, ESTIMATED)
        model = str(getattr(reply, "model", "") or call.profile.model)
        return Answer(text, tokens, model, request_id=_request_id(reply), weakened=notes)


def _schema_name(call: Call) -> str:
    """The server takes at most 64 letters, digits, dashes and underscores."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", call.schema_name)[:64] or "answer"


def _text(message: Any) -> str:
    """The content; some servers put the whole JSON into the reasoning and leave the content empty."""
    content = getattr(message, "content", None) or ""
    extra = getattr(message, "model_extra", None) or {}
    reasoning = extra.get("reasoning_content") or extra.get("reasoning") or ""
    if not str(content).strip() and str(reasoning).lstrip().startswith("{"):
        return str(reasoning)
    return str(content)


def _check_finish(reason: str | None, message: Any, call: Call, tokens: Tokens) -> None:
    """Raises unless the model ended by itself. The text of a cut answer is never used."""
    if refusal := getattr(message, "refusal", None):
        raise Refused(f"the model declined to answer: {refusal}", tokens=tokens)
    match reason:
        case "stop":
            return
        case "length":
            raise Truncated(
                f"the answer was cut off: {tokens.output:,} tokens, thinking included; raise "
                f"max_output_tokens of the profile {call.profile.name!r} or the server's context",
                tokens=tokens,
            )
        case "content_filter":
            raise Refused("the server's content filter withheld the answer", tokens=tokens)
        case other:
            raise InvalidAnswer(f"the answer ended with {other!r}, not by itself", tokens=tokens)


def _tokens(usage: Any) -> Tokens:
    prompt = count(getattr(usage, "prompt_tokens", 0))
    cached = count(getattr(getattr(usage, "prompt_tokens_details", None), "cached_tokens", 0))
    reasoning = getattr(getattr(usage, "completion_tokens_details", None), "reasoning_tokens", 0)
    return Tokens(
        input=max(prompt - cached, 0),
        cache_read=cached,
        output=count(getattr(usage, "completion_tokens", 0)),
        thinking=count(reasoning),
    )


def _request_id(reply: ChatCompletion) -> str | None:
    """The header's id, else the id of the completion, which local servers send."""
    return reply._request_id or getattr(reply, "id", None)


def _reason(body: object) -> str:
    """The error text in a body: `{"error": {"message"}}`, LM Studio's `{"error": "text"}`, else the body."""
    inner = body.get("error", body) if isinstance(body, dict) else body
    if isinstance(inner, dict):
        kind = inner.get("code") or inner.get("type") or "error"
        return f"{kind}: {inner.get('message', '')}"
    return str(inner or "")
