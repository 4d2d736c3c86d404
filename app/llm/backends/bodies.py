"""The limits of a connection, shared by both HTTP stacks: how much may come back, how long it idles."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping

MAX_BODY = 32 * 1024 * 1024
"""Bytes of one response; an answer is a few hundred kilobytes at most."""

IDLE_S = 2.0
"""Seconds an idle connection is kept. Local servers hang up after 5: a request into that loses its reply."""

PLAIN = {"accept-encoding": "identity"}
"""Sent with every request: a compressed body could grow a thousandfold after it was counted."""


class UnfitBody(Exception):
    """The body is compressed although nobody asked for that, or larger than `MAX_BODY`."""


def check_headers(headers: Mapping[str, str]) -> None:
    """Raises `UnfitBody` for a body that need not be read at all."""
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise UnfitBody(f"the reply is compressed ({encoding}) although that was not asked for")
    length = headers.get("content-length", "")
    if length.isdigit() and int(length) > MAX_BODY:
        raise _too_large()


async def capped(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The same chunks. Raises `UnfitBody` once they exceed `MAX_BODY`."""
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > MAX_BODY:
            raise _too_large()
        yield chunk


def is_stream(headers: Mapping[str, str]) -> bool:
    """Whether the answer comes in parts; some servers send it whole all the same."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind in ("text/event-stream", "application/x-ndjson")


def _too_large() -> UnfitBody:
    return UnfitBody(f"the reply is larger than {MAX_BODY // 1024 // 1024} MB")
