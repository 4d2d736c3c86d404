"""A body that is a file: kept whole, or given up with what was wrong."""

from __future__ import annotations

import asyncio
import hashlib

import pytest
from starlette.datastructures import Headers
from starlette.types import Message, Receive

from app.api.problems import Answered
from app.api.upload import IN_MEMORY, receive_file
from app.errors import TooLarge

TABLE = Headers({"content-type": "text/csv; charset=utf-8"})


def sent(*parts: bytes, cut_off: bool = False) -> Receive:
    """A client that sends these parts; then it is done, or gone."""
    messages: list[Message] = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    end = (
        {"type": "http.disconnect"} if cut_off else {"type": "http.request", "body": b"", "more_body": False}
    )
    messages.append(end)

    async def receive() -> Message:
        return messages.pop(0)

    return receive


async def test_a_file_is_kept_whole_with_its_digest() -> None:
    parts = (b"input\n", b"x" * IN_MEMORY, b"y" * 10)
    upload = await receive_file(sent(*parts), TABLE)
    with upload.file:
        assert upload.file.read() == b"".join(parts)
    assert upload.kind == "text/csv"
    assert upload.claim == b"text/csv " + hashlib.sha256(b"".join(parts)).hexdigest().encode()


@pytest.mark.abuse(44)
async def test_a_file_that_grows_too_large_is_refused() -> None:
    with pytest.raises(TooLarge, match="may have 10 bytes"):
        await receive_file(sent(b"12345678", b"90ab"), TABLE, most=10)


@pytest.mark.abuse(44)
async def test_a_file_that_says_it_is_too_large_is_not_read() -> None:
    with pytest.raises(TooLarge):
        await receive_file(sent(), Headers({"content-type": "text/csv", "content-length": "11"}), most=10)


async def test_a_file_that_is_cut_off_is_no_file() -> None:
    with pytest.raises(Answered, match="ended before the body did") as caught:
        await receive_file(sent(b"input\n", cut_off=True), TABLE)
    assert caught.value.status == 400


@pytest.mark.abuse(45)
async def test_a_client_that_falls_silent_is_given_up() -> None:
    async def never() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(Answered, match=r"nothing arrived for 0\.01 s") as caught:
        await receive_file(never, TABLE, silence_s=0.01)
    assert caught.value.status == 408
