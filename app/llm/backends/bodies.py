"""The limits of a connection, shared by both HTTP stacks: how much may come back, how long it idles."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping

MAX_BODY = 32 * 1024 * 1024
"""Bytes of one response; an answer is a few hundred kilobytes at most."""

MAX_EVENT = 1024 * 1024
"""Bytes of one event or line of a stream. The SDKs copy what they have of it with every line and chunk."""

IDLE_S = 2.0
"""Seconds an idle connection is kept. Local servers hang up after 5: a request into that loses its reply."""

PLAIN = {"accept-encoding": "identity"}
"""Sent with every request: a compressed body could grow a thousandfold after it was counted."""

_ENDS = {"text/event-stream": (b"\n\n", b"\r\n\r\n", b"\r\r"), "application/x-ndjson": (b"\n",)}
"""The kinds of streams, and what ends one event or line of each."""


class UnfitBody(Exception):
    """The body is compressed although nobody asked for that, or larger than the bounds."""


def check_headers(headers: Mapping[str, str]) -> None:
    """Raises `UnfitBody` for a body that need not be read at all."""
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise UnfitBody(f"the reply is compressed ({encoding}) although that was not asked for")
    length = headers.get("content-length", "")
    if length.isdigit() and int(length) > MAX_BODY:
        raise _too_large("reply", MAX_BODY)


async def capped(chunks: AsyncIterable[bytes], headers: Mapping[str, str]) -> AsyncIterator[bytes]:
    """The same chunks. Raises `UnfitBody` once they exceed `MAX_BODY`, or an event in them `MAX_EVENT`."""
    size, event, ends = 0, 0, _ENDS.get(_kind(headers))
    last = b""
    async for chunk in chunks:
        size += len(chunk)
        if size > MAX_BODY:
            raise _too_large("reply", MAX_BODY)
        if ends is not None:
            seen = last + chunk  # an end may lie across two chunks
            place = max(seen.rfind(end) for end in ends)
            event = event + len(chunk) if place < 0 else len(seen) - place
            last = seen[-3:]
            if event > MAX_EVENT:
                raise _too_large("event of the stream", MAX_EVENT)
        yield chunk


def is_stream(headers: Mapping[str, str]) -> bool:
    """Whether the answer comes in parts; some servers send it whole all the same."""
    return _kind(headers) in _ENDS


def _kind(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _too_large(what: str, limit: int) -> UnfitBody:
    return UnfitBody(f"the {what} is larger than {limit // 1024 // 1024} MB")
