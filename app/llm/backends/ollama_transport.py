"""The HTTP transport of the Ollama SDK, which stands on another HTTP library than the other two."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx

from app.llm.backends.bodies import IDLE_S, UnfitBody, capped, check_headers

TIMEOUT = httpx.Timeout(600.0, connect=10.0)
"""Per socket operation; the SDK's default is none at all. The total deadline belongs to the caller."""

LIMITS = httpx.Limits(keepalive_expiry=IDLE_S)


class CappedTransport(httpx.AsyncHTTPTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 - it is an async transport
        try:
            check_headers(response.headers)
        except UnfitBody:
            await response.stream.aclose()
            raise
        response.stream = _Capped(response.stream, response.headers)
        return response


class _Capped(httpx.AsyncByteStream):
    def __init__(self, inner: httpx.AsyncByteStream, headers: httpx.Headers) -> None:
        self._inner = inner
        self._headers = headers

    def __aiter__(self) -> AsyncIterator[bytes]:
        return capped(self._inner, self._headers)

    async def aclose(self) -> None:
        await self._inner.aclose()
