"""What one file defines and imports, as plain values that can be kept."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

LEAST_LETTERS = 3
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Symbol:
    """A class, a function or a method."""

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

    symbols: tuple[Symbol, ...] = ()
    imports: tuple[str, ...] = ()
    names: str = " "
    """Words of the names of its symbols."""
    prose: str = " "
    """Words of its signatures, docstrings and comments at definitions."""
    broken: bool = False
    """Nothing in it could be understood."""

    def as_json(self) -> dict[str, Any]:
        symbols = [[one.name, one.signature, one.depth, one.first, one.last] for one in self.symbols]
        return asdict(self) | {"symbols": symbols}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Outline:
        """Raises `TypeError`, `ValueError` or `KeyError` for what `as_json` did not make."""
        symbols = tuple(Symbol(*fields) for fields in data["symbols"])
        return cls(symbols, tuple(data["imports"]), data["names"], data["prose"], data["broken"])


def words(texts: Iterable[str]) -> str:
    """The different words in the texts, parts of camelCase and snake_case among them."""
    found = dict.fromkeys(folded(word) for text in texts for word in _WORD.findall(text))
    kept = [word for word in found if len(word) >= LEAST_LETTERS]
    return " ".join(["", *kept, ""])


def folded(word: str) -> str:
    """`Orders` and `order` are one word."""
    word = word.casefold()
    return word[:-1] if len(word) > LEAST_LETTERS and word.endswith("s") and not word.endswith("ss") else word
