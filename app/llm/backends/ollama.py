"""Ollama, through its SDK's client.

The SDK's `chat()` can not send `truncate` and `shift`, which keep the server from cutting the prompt in
silence, and it drops fields of the reply. So the body is written here and goes through the client's own
request function; the SDK's version is pinned because that function is not public.
"""

from __future__ import annotations

import json
from typing import Any

import httpx
import ollama

from app.llm.backends.bodies import PLAIN, UnfitBody
from app.llm.backends.counts import ESTIMATED, count, estimated, prompt_tokens
from app.llm.backends.failures import Server, with_models
from app.llm.backends.ollama_transport import LIMITS, TIMEOUT, CappedTransport
from app.llm.dialect import to_dialect
from app.llm.errors import ContextOverflow, InvalidAnswer, LLMError, RequestRefused, Truncated
from app.llm.types import JSON, Answer, BackendName, Call, Profile
from app.settings import Settings
from app.usage.tokens import Tokens

_BROKEN = (
    ollama.ResponseError,
    ConnectionError,
    httpx.HTTPError,
    UnfitBody,
    json.JSONDecodeError,
    UnicodeError,
    RecursionError,
)
_HOST = "127.0.0.1:11434"
_REMEDY = "Check that Ollama runs (`ollama serve`), and WORKBENCH_OLLAMA_HOST"


class OllamaBackend:
    name: BackendName = "ollama"

    def __init__(self, settings: Settings) -> None:
        # OLLAMA_HOST is often set without a scheme; the SDK then adds scheme and port.
        self._host = settings.ollama_host or _HOST
        url = self._host if "//" in self._host else f"http://{self._host}"
        self._server = Server("Ollama", url, _REMEDY)
        self._client: _Client | None = None

    async def answer(self, call: Call) -> Answer:
        translated = to_dialect(call.schema, "ollama")
        reply = await self._send("POST", "/api/chat", _request(call, translated.schema), call.profile.model)
        return self._read(reply, call, translated.weakened)

    async def models(self) -> list[str]:
        reply = await self._send("GET", "/api/tags")
        try:
            return [str(model["name"]) for model in reply["models"]]
        except (KeyError, TypeError) as error:
            raise self._server.broken("no list of models") from error

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()  # type: ignore[no-untyped-call]
            self._client = None

    async def _send(
        self, method: str, path: str, body: dict[str, JSON] | None = None, model: str = ""
    ) -> dict[str, JSON]:
        if self._client is None:
            self._server.check_url()
            self._client = _Client(self._host)
        try:
            response = await self._client.send(method, path, body)
            reply = response.json()
        except ollama.ResponseError as error:
            refusal = self._refusal(error)
            if not model:  # the list of models itself was asked for
                no_ollama = self._server.broken(f"{path} is not there, so it is no Ollama")
                raise (no_ollama if error.status_code == 404 else refusal) from error
            raise await with_models(refusal, model, self.models) from error
        except _BROKEN as error:
            raise self._failure(error) from error
        if not isinstance(reply, dict):
            raise self._server.broken("it is no object")
        if reply.get("error"):
            raise self._server.broken(str(reply["error"]))
        return reply

    def _refusal(self, error: ollama.ResponseError) -> LLMError:
        reason = str(error.error)
        if error.status_code == 400 and "does not support thinking" in reason:
            return RequestRefused(f"Ollama answered 400: {reason}; set think to off in the model's profile")
        response = (
            error.__context__.response if isinstance(error.__context__, httpx.HTTPStatusError) else None
        )
        return self._server.status(error.status_code, reason, response.headers if response else {})

    def _failure(self, error: Exception) -> LLMError:
        match error:
            case httpx.TimeoutException() if not isinstance(error, httpx.ConnectTimeout):
                return self._server.silent()
            case ConnectionError() | httpx.ConnectTimeout():  # the SDK's word for a refused connection
                return self._server.unreachable(error)
            case UnicodeEncodeError():
                return self._server.unsendable(error)
        return self._server.lost(error)

    def _read(self, reply: dict[str, JSON], call: Call, weakened: tuple[str, ...]) -> Answer:
        message = reply.get("message")
        if not isinstance(message, dict) or reply.get("done") is not True:
            raise self._server.broken("it holds no finished message")
        text = _text(message)
        counted = "eval_count" in reply or "prompt_eval_count" in reply
        tokens = _tokens(reply) if counted else estimated(call, text)
        if counted:
            _check_context(tokens, call)
        _check_done(reply.get("done_reason"), call, tokens)
        notes = weakened if counted else (*weakened, ESTIMATED)
        return Answer(text, tokens, str(reply.get("model") or call.profile.model), weakened=notes)


class _Client(ollama.AsyncClient):
    def __init__(self, host: str) -> None:
        super().__init__(
            host,
            timeout=TIMEOUT,
            headers=PLAIN,
            transport=CappedTransport(limits=LIMITS),
            follow_redirects=False,
            trust_env=False,
        )
        # The SDK takes OLLAMA_API_KEY from the environment and would send it to whatever host is set.
        self._client.headers.pop("authorization", None)

    async def send(self, method: str, path: str, body: dict[str, JSON] | None) -> httpx.Response:
        """Raises `ollama.ResponseError` for a status that is not 2xx."""
        try:
            response = await self._request_raw(method, path, json=body)  # type: ignore[no-untyped-call]
        except AttributeError as error:  # the SDK takes an error body that is JSON for an object
            status = getattr(getattr(error.__context__, "response", None), "status_code", 500)
            raise ollama.ResponseError("its error is no object", status) from error
        assert isinstance(response, httpx.Response)  # noqa: S101 - the SDK has no types here
        return response


def _request(call: Call, schema: dict[str, JSON]) -> dict[str, Any]:
    profile = call.profile
    options: dict[str, Any] = {"num_ctx": profile.context_tokens, "num_predict": profile.max_output_tokens}
    if profile.temperature is not None:
        options["temperature"] = profile.temperature
    system = [{"role": "system", "content": call.system}] if call.system else []
    return {
        "model": profile.model,
        "messages": [*system, *({"role": m.role, "content": m.content} for m in call.messages)],
        "stream": False,
        "format": schema,
        "think": _think(profile),
        "options": options,
        "truncate": False,
        "shift": False,
    }


def _think(profile: Profile) -> bool | str:
    """Always sent: without it the server turns thinking on. gpt-oss knows levels only and never stops."""
    if "gpt-oss" in profile.model:
        return {"off": "low", "on": "medium"}.get(profile.think, profile.think)
    if profile.think in ("off", "on"):
        return profile.think == "on"
    return profile.think


def _text(message: dict[str, JSON]) -> str:
    """The content; some models put the whole JSON into the thinking and leave the content empty."""
    content, thought = str(message.get("content") or ""), str(message.get("thinking") or "")
    return thought if not content.strip() and thought.lstrip().startswith("{") else content


def _tokens(reply: dict[str, JSON]) -> Tokens:
    """Counts of 0 are absent. Thinking is part of the output; the server does not count it apart."""
    return Tokens(input=count(reply.get("prompt_eval_count")), output=count(reply.get("eval_count")))


def _check_context(tokens: Tokens, call: Call) -> None:
    """Raises when the server cut the prompt without saying so.

    A server that cuts keeps about half of the context plus 2 tokens, so far fewer tokens are counted than
    the prompt must have. Estimates err high, hence the wide margins.
    """
    window, wanted, read = call.profile.context_tokens, prompt_tokens(call), tokens.input
    lost_much = wanted > window and read < wanted / 2
    cut_to_half = abs(read - (window // 2 + 2)) <= 2 and wanted > 1.25 * read
    if read and (read >= window or lost_much or cut_to_half):
        raise ContextOverflow(
            f"Ollama read {read:,} tokens of a prompt of about {wanted:,}; the context of the profile "
            f"{call.profile.name!r} holds {window:,}. Raise its context_tokens or give it less to read",
            tokens=tokens,
        )


def _check_done(reason: JSON, call: Call, tokens: Tokens) -> None:
    """Raises unless the model ended by itself. The text of a cut answer is never used."""
    if reason == "length":
        raise Truncated(
            f"the answer was cut off: {tokens.output:,} tokens, thinking included; raise max_output_tokens "
            f"or context_tokens of the profile {call.profile.name!r}, or ask for less",
            tokens=tokens,
        )
    if reason not in ("stop", None):
        raise InvalidAnswer(f"the answer ended with {reason!r}, not by itself", tokens=tokens)
