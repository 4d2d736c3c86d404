"""The HTTP client of the Anthropic and OpenAI SDKs: no proxy, no redirect, capped bodies."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2

from app.llm.backends.bodies import IDLE_S, PLAIN, UnfitBody, capped, check_headers

TIMEOUT = httpx2.Timeout(600.0, connect=10.0)
"""Per socket operation. The total deadline of a call belongs to its caller."""


def http_client() -> httpx2.AsyncClient:
    """Proxies of the environment and redirects would carry the key to another host."""
    return httpx2.AsyncClient(
        transport=_Transport(limits=httpx2.Limits(keepalive_expiry=IDLE_S)),
        timeout=TIMEOUT,
        headers=PLAIN,
        follow_redirects=False,
        trust_env=False,
    )


class _Transport(httpx2.AsyncHTTPTransport):
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        assert isinstance(response.stream, httpx2.AsyncByteStream)  # noqa: S101 - it is an async transport
        try:
            check_headers(response.headers)
        except UnfitBody:
            await response.stream.aclose()
            raise
        response.stream = _Capped(response.stream, response.headers)
        return response


class _Capped(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, headers: httpx2.Headers) -> None:
        self._inner = inner
        self._headers = headers

    def __aiter__(self) -> AsyncIterator[bytes]:
        return capped(self._inner, self._headers)

    async def aclose(self) -> None:
        await self._inner.aclose()
