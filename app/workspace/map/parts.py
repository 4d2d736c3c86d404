"""Parts of a file that is too long to be shown whole: its head, and the definitions that matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from app.usage.estimate import estimate_tokens
from app.workspace.files import SourceFile
from app.workspace.map.languages import language_of
from app.workspace.map.outline import Outline, Symbol, words
from app.workspace.map.parsing import Source, outlines

HEAD_LINES = 20
"""Imports and constants mostly stand there."""
PER_PART = 24
"""Tokens of what stands around a part."""


@dataclass(frozen=True)
class Part:
    """Some lines of a file, counted from 1."""

    path: str
    first_line: int
    last_line: int
    of_lines: int
    content: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


async def parts_of(files: Sequence[SourceFile], terms: Sequence[str], budget_tokens: int) -> list[Part]:
    """Each file gets the same room; within it the head comes first, then the definitions with most terms."""
    sources = [
        Source(str(number), language, file.content.encode("utf-8", "replace"))
        for number, file in enumerate(files)
        if (language := language_of(file.path)) is not None
    ]
    read = await outlines(sources) if sources else {}
    found = {number: one for (number, _), one in read.items()}
    parts: list[Part] = []
    for number, file in enumerate(files):
        room = budget_tokens // (len(files) - number)
        mine = _parts(file, found.get(str(number), Outline()), terms, room)
        budget_tokens -= sum(estimate_tokens(part.content) + PER_PART for part in mine)
        parts += mine
    return parts


def _parts(file: SourceFile, outline: Outline, terms: Sequence[str], room: int) -> list[Part]:
    lines = file.content.splitlines(keepends=True)
    chosen: set[int] = set()
    for first, last in [(1, HEAD_LINES), *_wanted(outline.symbols, terms)]:
        for number in range(first, min(last, len(lines)) + 1):
            if number in chosen:
                continue
            # a line is a part in the worst case; a few tokens less are no harm
            room -= estimate_tokens(lines[number - 1]) + 1
            if room < PER_PART * 2:
                return _joined(file.path, lines, chosen)
            chosen.add(number)
        room -= PER_PART
    return _joined(file.path, lines, chosen)


def _wanted(symbols: Sequence[Symbol], terms: Sequence[str]) -> list[tuple[int, int]]:
    """Definitions with a term in their name or signature, those with most first; a class by its methods."""
    scored = []
    for symbol in symbols:
        has = words([symbol.name, symbol.signature])
        hits = sum(f" {term} " in has for term in terms)
        if hits and not (symbol.depth == 0 and _holds_others(symbol, symbols)):
            scored.append((-hits, symbol.first, symbol.last))
    return [(first, last) for _, first, last in sorted(scored)]


def _holds_others(symbol: Symbol, symbols: Sequence[Symbol]) -> bool:
    return any(one.depth and symbol.first < one.first <= symbol.last for one in symbols)


def _joined(path: str, lines: Sequence[str], chosen: set[int]) -> list[Part]:
    parts: list[Part] = []
    start = None
    for number in range(1, len(lines) + 2):
        if number in chosen:
            start = start or number
        elif start is not None:
            text = "".join(lines[start - 1 : number - 1])
            parts.append(Part(path, start, number - 1, len(lines), text))
            start = None
    return parts
