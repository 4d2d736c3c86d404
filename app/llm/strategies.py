"""Where in an answer the JSON may stand: the whole text, a fenced block, an object within prose."""

from __future__ import annotations

import re
from typing import Protocol

from app.llm.strict_json import BadJSON, decode

_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*([^\s`~]*)[^\n]*$", re.MULTILINE)
_OBJECT_OPENS = re.compile(r'\{\s*"')
_OBJECT_START = re.compile(r'\{\s*(?:["}]|\Z)')
_BRACKET = re.compile(r"[\[\]{}]")
_CLOSES = {"{": "}", "[": "]"}


class ParsingStrategy(Protocol):
    """One way to find JSON in an answer."""

    @property
    def name(self) -> str: ...

    def find(self, text: str) -> list[str]:
        """Texts to try, best first. Raises `BadJSON` to say why there is none."""


class WholeText:
    name = "whole"

    def find(self, text: str) -> list[str]:
        return [text]


class FencedBlock:
    """The last block between fences, when nothing outside the fences looks like an object.

    A fence inside a JSON string with raw line breaks looks like a real one: then the object
    around it opens before the fence, and nothing is taken.
    """

    name = "fenced"

    def find(self, text: str) -> list[str]:
        blocks, outside = _blocks(text)
        if _OBJECT_OPENS.search(outside):
            raise BadJSON("an object opens outside the fenced block")
        found = [block for block in blocks if block.lstrip().startswith("{")]
        return found[-1:]


class EmbeddedObject:
    """The only object in prose that no bracket encloses.

    Two objects are ambiguous, and an object that does not parse may hide the start of a larger
    one: both are refused, so an inner object never passes for the answer.
    """

    name = "embedded"

    def find(self, text: str) -> list[str]:
        found: list[str] = []
        position = 0
        while match := _BRACKET.search(text, position):
            start = match.start()
            if match[0] in "}]":
                raise BadJSON("a bracket closes that was never opened")
            if match[0] == "{" and _looks_like_object(text, start):
                _, position = decode(text, start)
                found.append(text[start:position])
            else:
                position = _skip(text, start)
            if len(found) > 1:
                raise BadJSON("the answer holds more than one JSON object")
        return found


def _blocks(text: str) -> tuple[list[str], str]:
    """The bodies of all fenced blocks, and the text around them. Raises `BadJSON` for an open fence."""
    blocks: list[str] = []
    outside: list[str] = []
    opening: re.Match[str] | None = None
    rest = 0
    for fence in _FENCE.finditer(text):
        if opening is None:
            outside.append(text[rest : fence.start()])
            opening = fence
        elif fence[1].startswith(opening[1]) and fence[0].strip() == fence[1]:
            blocks.append(text[opening.end() : fence.start()])
            opening, rest = None, fence.end()
    if opening is not None:
        raise BadJSON("a fenced block is not closed")
    outside.append(text[rest:])
    return blocks, "\n".join(outside)


def _looks_like_object(text: str, start: int) -> bool:
    return _OBJECT_START.match(text, start) is not None


def _skip(text: str, start: int) -> int:
    """The end of a bracket in prose, such as `[see 3]` or `{that}`."""
    expected: list[str] = []
    for match in _BRACKET.finditer(text, start):
        if match[0] in _CLOSES:
            expected.append(_CLOSES[match[0]])
        elif match[0] != expected.pop():
            break
        if not expected:
            return match.end()
    raise BadJSON("a bracket is not closed")
