"""A piece of code made into a file that a compiler takes, with the way back to its own lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

NO_CODE = re.compile(
    r'//[^\n]*|/\*.*?\*/|`[^`]*`|"""(?:\\.|.)*?"""|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL
)
"""Comments and literals of Go and Java."""
STEPS = {**dict.fromkeys("([{", 1), **dict.fromkeys(")]}", -1)}

Line = tuple[str, int | None]
"""Its text, and its number in the piece; None: it was added."""


@dataclass(frozen=True)
class Whole:
    """What is compiled in place of the piece."""

    text: str
    origins: tuple[int | None, ...]
    """For each line the one of the piece; None: it was added."""

    def origin(self, line: int | None) -> int | None:
        return None if line is None or not 0 < line <= len(self.origins) else self.origins[line - 1]


@dataclass(frozen=True)
class Part:
    """One declaration or statement of the outermost level."""

    lines: tuple[Line, ...]
    code: str
    """As `code_of` gives it."""


def whole(lines: Iterable[Line]) -> Whole:
    given = list(lines)
    return Whole("".join(f"{text}\n" for text, _ in given), tuple(origin for _, origin in given))


def as_it_stands(text: str) -> Whole:
    return whole((line, number) for number, line in enumerate(text.splitlines(), 1))


def added(*texts: str) -> list[Line]:
    return [(text, None) for text in texts]


def code_of(text: str) -> str:
    """The text without comments, and with zeros for literals: every line keeps its number."""
    return NO_CODE.sub(lambda found: re.sub(r"[^\n]", " " if found[0][0] == "/" else "0", found[0]), text)


def parts(text: str, ends: re.Pattern[str]) -> Iterator[Part]:
    """The outermost declarations and statements, line by line; `ends` finds that one is complete."""
    lines: list[Line] = []
    code: list[str] = []
    depth = 0
    for number, (shown, bare) in enumerate(
        zip(text.splitlines(), code_of(text).splitlines(), strict=True), 1
    ):
        lines.append((shown, number))
        code.append(bare)
        depth += sum(STEPS.get(sign, 0) for sign in bare)
        said = "\n".join(code).strip()
        if depth <= 0 and ends.search(said):
            yield Part(tuple(lines), said)
            lines, code, depth = [], [], 0
    if lines:
        yield Part(tuple(lines), "\n".join(code).strip())
