"""The output of a foreign program: the end of it, made harmless to show."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

OnOutput = Callable[[str], Awaitable[None]]
"""Gets the last lines of a command that still runs."""
TOLD_EVERY_S = 2.0
TOLD_LINES = 5
TOLD_BYTES = 1000

CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Terminal control, invisible and text-reversing characters, lone surrogates; tab and newline stay."""


class Tail:
    """Keeps the last `limit` bytes of what it is fed."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()
        self.total = 0

    def feed(self, data: bytes) -> None:
        self.total += len(data)
        self._kept += data
        if len(self._kept) > 2 * self._limit:
            del self._kept[: -self._limit]

    @property
    def truncated(self) -> bool:
        return self.total > self._limit

    def lines(self) -> str:
        """The last few lines as printable text."""
        text = printable(bytes(self._kept[-4 * TOLD_BYTES :]).decode("utf-8", "backslashreplace"))
        return last("\n".join(text.rstrip().splitlines()[-TOLD_LINES:]), TOLD_BYTES)

    def text(self) -> str:
        """The tail as printable text, at most `limit` bytes of UTF-8."""
        start = max(0, len(self._kept) - self._limit)
        return last(printable(bytes(self._kept[start:]).decode("utf-8", "backslashreplace")), self._limit)


async def tell(output: Tail, on_output: OnOutput, every_s: float = TOLD_EVERY_S) -> None:
    """Hand over the last lines whenever there are new ones, and never more often than that; without end."""
    told = 0
    while True:
        await asyncio.sleep(every_s)
        if output.total > told:
            told = output.total
            await on_output(output.lines())


def printable(text: str) -> str:
    """`text` with what a terminal or a log could obey turned into escapes such as `\\x1b`."""
    return CONTROL.sub(_escape, text.replace("\r\n", "\n"))


def last(text: str, limit: int) -> str:
    """The end of `text` that fits in `limit` bytes of UTF-8."""
    data = text.encode()
    if len(data) <= limit:
        return text
    return data[len(data) - limit :].decode("utf-8", "ignore")


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
