"""Bodies that are files: kept on disk while they arrive, so that a large one takes no memory."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

from starlette.datastructures import Headers
from starlette.types import Receive, Scope

from app.api.problems import Answered
from app.errors import TooLarge

MAX_BYTES = 256 * 1024 * 1024
IN_MEMORY = 1024 * 1024
"""Files up to here never touch the disk."""
MAX_SILENCE_S = 30.0
"""A body that stops for longer than this is given up."""
TAKEN: Mapping[tuple[str, str], frozenset[str]] = {
    ("POST", "/batches"): frozenset({"application/x-ndjson", "text/csv"})
}
"""Routes that take files, and of which content types."""


@dataclass(frozen=True)
class Upload:
    """A body that has arrived whole. The gate closes the file."""

    file: IO[bytes]
    kind: str
    """Its content type."""
    sha256: str

    @property
    def claim(self) -> bytes:
        """Stands for the body where two requests are compared."""
        return f"{self.kind} {self.sha256}".encode()


def is_file(scope: Scope, headers: Headers) -> bool:
    """Whether the body is a file that the route takes; every other body is JSON."""
    return _kind(headers) in TAKEN.get((scope["method"], scope["path"]), ())


async def receive_file(
    receive: Receive, headers: Headers, *, most: int = MAX_BYTES, silence_s: float = MAX_SILENCE_S
) -> Upload:
    """The whole body. Raises `TooLarge` before more than `most` bytes were kept."""
    declared = headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > most:
        raise _too_large(most)
    file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - whoever uses the upload closes it
    try:
        return Upload(file, _kind(headers), await _collect(receive, file, most, silence_s))
    except BaseException:
        file.close()
        raise


async def _collect(receive: Receive, file: IO[bytes], most: int, silence_s: float) -> str:
    size, seen = 0, hashlib.sha256()
    more = True
    while more:
        try:
            async with asyncio.timeout(silence_s):
                message = await receive()
        except TimeoutError:
            raise Answered(408, "too_slow", f"nothing arrived for {silence_s:g} s") from None
        if message["type"] == "http.disconnect":
            raise Answered(400, "cut_off", "the connection ended before the body did")
        part = message.get("body", b"")
        size += len(part)
        if size > most:
            raise _too_large(most)
        seen.update(part)
        file.write(part)
        more = message.get("more_body", False)
    file.seek(0)
    return seen.hexdigest()


def _kind(headers: Headers) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"a file may have {most:,} bytes", place="body")
