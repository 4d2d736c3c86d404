"""Ollama, through its SDK's client.

The SDK's `chat()` can not send `truncate` and `shift`, which keep the server from cutting the prompt in
silence, drops fields of the reply, and splits a stream at line ends that are part of a text. So body and
parts are handled here, over the client's own connections; the SDK's version is pinned because they are not
public.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import ollama

from app.llm.backends.bodies import PLAIN, UnfitBody, is_stream
from app.llm.backends.failures import Server, with_models
from app.llm.backends.modes import translated
from app.llm.backends.ollama_reply import check_end, take_part
from app.llm.backends.ollama_request import request_body
from app.llm.backends.ollama_transport import LIMITS, TIMEOUT, CappedTransport
from app.llm.backends.plain import text_at
from app.llm.backends.received import Received, Repeats
from app.llm.errors import LLMError, RequestRefused
from app.llm.types import JSON, Answer, BackendName, Call, Mode
from app.settings import Settings

_BROKEN = (
    ollama.ResponseError,
    httpx.HTTPError,
    UnfitBody,
    json.JSONDecodeError,
    UnicodeError,
    RecursionError,
)
_HOST = "127.0.0.1:11434"
_IN_STREAM = -1
"""The SDK's status of an error that came within a stream."""
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
        asked = translated(call, grammar="ollama", tool="ollama")
        received = Received()
        paid = call.profile.price_usd_per_mtok is not None
        try:
            await self._receive(request_body(call, asked.schema), received)
        except Repeats:
            raise received.loop(call, paid=paid) from None
        except ollama.ResponseError as error:
            failure = self._refusal(error, call.mode)
            if error.status_code == _IN_STREAM:
                failure.tokens, failure.reply_lost = received.tokens(call), paid
            raise await with_models(failure, call.profile.model, self.models) from error
        except _BROKEN as error:
            raise self._failure(error) from error
        check_end(received, call)
        return received.answer(call, asked.weakened)

    async def models(self) -> list[str]:
        reply = await self._get("/api/tags")
        try:
            return [str(model["name"]) for model in reply["models"]]
        except (KeyError, TypeError) as error:
            raise self._server.broken("no list of models") from error

    async def version(self) -> str:
        return text_at(await self._get("/api/version"), "version")

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()  # type: ignore[no-untyped-call]
            self._client = None

    async def _receive(self, body: dict[str, JSON], received: Received) -> None:
        """One request; raises unless the reply came to its end. Streamed, so that a loop can be stopped."""
        async with self._connect().open("POST", "/api/chat", body) as response:
            async for part in _parts(response):
                if not isinstance(part, dict):
                    raise self._server.broken("it is no object")
                if part.get("error"):
                    if is_stream(response.headers):
                        raise ollama.ResponseError(json.dumps(part), _IN_STREAM)
                    raise self._server.broken(str(part["error"]))
                take_part(received, part)
            if not received.ended and not is_stream(response.headers):
                raise self._server.broken("it holds no finished message")
        if not received.ended:
            raise self._server.lost("it ended before the answer did")

    async def _get(self, path: str) -> dict[str, JSON]:
        try:
            async with self._connect().open("GET", path) as response:
                reply = json.loads(await response.aread())
        except ollama.ResponseError as error:
            if error.status_code == 404:
                raise self._server.broken(f"{path} is not there, so it is no Ollama") from error
            raise self._refusal(error) from error
        except _BROKEN as error:
            raise self._failure(error) from error
        if not isinstance(reply, dict):
            raise self._server.broken("it is no object")
        if reply.get("error"):
            raise self._server.broken(str(reply["error"]))
        return reply

    def _connect(self) -> _Client:
        if self._client is None:
            self._server.check_url()
            self._client = _Client(self._host)
        return self._client

    def _refusal(self, error: ollama.ResponseError, mode: Mode = "prompt") -> LLMError:
        reason = str(error.error)
        if error.status_code == _IN_STREAM:
            return self._server.broke_off(500, reason)
        if error.status_code == 400 and "does not support thinking" in reason:
            return RequestRefused(f"Ollama answered 400: {reason}; set think to off in the model's profile")
        cause = error.__cause__
        headers = cause.response.headers if isinstance(cause, httpx.HTTPStatusError) else {}
        return self._server.status(error.status_code, reason, headers, mode)

    def _failure(self, error: Exception) -> LLMError:
        match error:
            case httpx.TimeoutException() if not isinstance(error, httpx.ConnectTimeout):
                return self._server.silent()
            case httpx.ConnectError() | httpx.ConnectTimeout():
                return self._server.unreachable(error)
            case UnicodeEncodeError():
                return self._server.unsendable(error)
        return self._server.lost(error)


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

    @asynccontextmanager
    async def open(
        self, method: str, path: str, body: dict[str, JSON] | None = None
    ) -> AsyncIterator[httpx.Response]:
        """The reply, of which nothing is read yet. Raises `ollama.ResponseError` for a status not 2xx."""
        async with self._client.stream(method, path, json=body) as response:
            try:
                response.raise_for_status()
            except httpx.HTTPStatusError as error:
                text = (await response.aread()).decode("utf-8", "replace")
                raise _error(text, response.status_code) from error
            yield response


def _error(text: str, status: int) -> ollama.ResponseError:
    try:
        return ollama.ResponseError(text, status)
    except AttributeError:  # the SDK takes an error body that is JSON for an object
        return ollama.ResponseError("its error is no object", status)


async def _parts(response: httpx.Response) -> AsyncIterator[JSON]:
    """The values of the body: one a line in a stream, else one."""
    if not is_stream(response.headers):
        yield json.loads(await response.aread())
        return
    line: list[bytes] = []
    async for chunk in response.aiter_bytes():
        first, *others = chunk.split(b"\n")
        line.append(first)
        for other in others:
            yield json.loads(b"".join(line))
            line = [other]
    if rest := b"".join(line).strip():
        yield json.loads(rest)
