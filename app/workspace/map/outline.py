"""What one file defines and imports, as plain values that can be kept."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Key = tuple[str, str]
"""Blob and language: the same bytes may stand in a `.js` and a `.ts`."""
LEAST_LETTERS = 3
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Symbol:
    """A class, a function or a method. Its texts are one line each and have no tab."""

    name: str
    signature: str
    depth: int
    """0: of the file; 1: of a class."""
    first: int
    last: int
    """Its lines, counted from 1."""


@dataclass(frozen=True, slots=True)
class Outline:
    """One file. Words are folded, each with a space on both sides, so that one is found by `in`."""

    table: str = ""
    """Its symbols, a line each: few are looked at, and tens of thousands of objects would take their time."""
    imports: tuple[str, ...] = ()
    names: str = " "
    """Words of the names of its symbols."""
    prose: str = " "
    """Words of its signatures, docstrings and comments at definitions."""
    broken: bool = False
    """Nothing in it could be understood."""

    @property
    def count(self) -> int:
        return self.table.count("\n")

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        rows = (line.split("\t") for line in self.table.splitlines())
        return tuple(Symbol(row[0], row[1], *map(int, row[2:])) for row in rows)

    def as_json(self) -> list[Any]:
        return [self.table, self.imports, self.names, self.prose, self.broken]

    @classmethod
    def from_json(cls, data: list[Any]) -> Outline:
        """Raises `TypeError` or `ValueError` for what `as_json` did not make."""
        table, imports, names, prose, broken = data
        return cls(table, tuple(imports), names, prose, broken)


def table_of(symbols: Iterable[Symbol]) -> str:
    return "".join(f"{one.name}\t{one.signature}\t{one.depth}\t{one.first}\t{one.last}\n" for one in symbols)


def words(texts: Iterable[str]) -> str:
    """The different words in the texts, parts of camelCase and snake_case among them."""
    found = dict.fromkeys(map(folded, dict.fromkeys(_WORD.findall(" ".join(texts)))))
    kept = [word for word in found if len(word) >= LEAST_LETTERS]
    return " ".join(["", *kept, ""])


def folded(word: str) -> str:
    """`Orders` and `order` are one word."""
    word = word.casefold()
    return word[:-1] if len(word) > LEAST_LETTERS and word.endswith("s") and not word.endswith("ss") else word
