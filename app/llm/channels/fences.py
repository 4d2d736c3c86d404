"""Reads and writes fenced blocks whose body is kept to the last character."""

from __future__ import annotations

import re
from dataclasses import dataclass

LEAST = 4
"""Backticks of a fence around a file; Markdown in it mostly uses three."""
MAX_BLOCKS = 500

_OPENS = re.compile(r"(`{3,})([^\r\n]*)\r?")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_RUN = re.compile(r"^`{3,}", re.MULTILINE)


class BadFence(ValueError):
    """`str()` of it is one short line."""


@dataclass(frozen=True)
class Block:
    info: str
    """What stands behind the opening backticks."""
    body: str
    """Every character between the two fence lines; empty, or ended by a line feed."""
    line: int
    """Number of the line that opens it, from 1."""


def read_blocks(text: str) -> list[Block]:
    """All blocks. A block ends at a line of exactly its own backticks; prose may only stand before the first.

    Text behind the first block is refused: it may be the rest of a file whose fence was too short.
    Raises `BadFence`.
    """
    blocks: list[Block] = []
    opening: tuple[str, str, int] | None = None
    body: list[str] = []
    for number, line in enumerate(_LINE.findall(text), 1):
        bare = line.rstrip("\r\n")
        if opening is None:
            found = _OPENS.fullmatch(line.removesuffix("\n"))
            if found:
                opening, body = (found[1], found[2].strip(), number), []
            elif blocks and bare.strip():
                raise BadFence(f"line {number}: text outside the blocks: {bare.strip()[:60]!r}")
        elif bare == opening[0]:
            blocks.append(Block(opening[1], "".join(body), opening[2]))
            opening = None
        else:
            body.append(line)
    if opening is not None:
        raise BadFence(f"line {opening[2]}: the block {opening[1][:60]!r} is not closed")
    if len(blocks) > MAX_BLOCKS:
        raise BadFence(f"{len(blocks)} blocks; at most {MAX_BLOCKS}")
    return blocks


def write_block(info: str, body: str) -> str:
    """A block whose fence is longer than any run of backticks that opens a line of the body."""
    longest = max((len(run) for run in _RUN.findall(body)), default=0)
    fence = "`" * max(LEAST, longest + 1)
    return f"{fence}{info}\n{body}{fence}\n"
