"""The body of a request: read whole within limits, and judged strictly before anything parses it."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from app.api.problems import Answered
from app.errors import Invalid, TooLarge
from app.llm.strict_json import BadJSON, loads

MAX_BYTES = 2 * 1024 * 1024
MAX_WAIT_S = 30.0
"""A body that trickles in longer than this is given up."""
SMALL = 64 * 1024
"""Bodies up to here are parsed on the event loop: under a millisecond."""


def check_target(scope: Scope) -> None:
    """NUL fits into no text column, so no name can hold it."""
    if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
        raise Invalid("the address holds a NUL character", place="path")


async def read(receive: Receive, headers: Headers) -> bytes:
    """The whole body. Raises `TooLarge` before more than the limit was kept."""
    declared = headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > MAX_BYTES:
        raise _too_large()
    try:
        async with asyncio.timeout(MAX_WAIT_S):
            return await _collect(receive)
    except TimeoutError:
        raise Answered(408, "too_slow", f"the body did not arrive within {MAX_WAIT_S:.0f} s") from None


async def check(body: bytes, headers: Headers) -> None:
    """Raises 415 for another content type, `Invalid` for what is not strict JSON."""
    if not body:
        return
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Answered(415, "not_json", "a body is sent as Content-Type: application/json")
    try:
        text = body.decode()
        if len(body) <= SMALL:
            loads(text)
        else:
            await asyncio.to_thread(loads, text)
    except UnicodeDecodeError as error:
        raise Invalid(f"the body is not UTF-8: byte {error.start}", place="body") from None
    except BadJSON as error:
        raise Invalid(f"the body is not JSON that can be used: {error}", place="body") from None


def replay(body: bytes, receive: Receive) -> Receive:
    """Hand the body to the application, then whatever the client does next."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


async def _collect(receive: Receive) -> bytes:
    found = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Answered(400, "cut_off", "the connection ended before the body did")
        found += message.get("body", b"")
        if len(found) > MAX_BYTES:
            raise _too_large()
        if not message.get("more_body", False):
            return bytes(found)


def _too_large() -> TooLarge:
    return TooLarge(f"a body may have {MAX_BYTES:,} bytes", place="body")
