"""Finds the one JSON object in a model's answer, or says in a few lines why there is none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.llm.errors import InvalidAnswer
from app.llm.strategies import EmbeddedObject, FencedBlock, ParsingStrategy, WholeText
from app.llm.strict_json import MAX_CHARS, BadJSON, loads
from app.llm.types import JSON

STRATEGIES: list[ParsingStrategy] = [WholeText(), FencedBlock(), EmbeddedObject()]
"""Tried in this order; another strategy is one more entry."""

_THINKING = re.compile(r"\s*<think>(.*?)</think>", re.DOTALL)


@dataclass(frozen=True)
class ParseResult:
    data: dict[str, JSON]
    strategy: str
    """Name of the strategy that found it."""


class LLMResponseParser:
    """Tries each strategy in turn. The text must be complete: a cut-off answer never comes here."""

    def __init__(self, strategies: Sequence[ParsingStrategy] | None = None) -> None:
        self._strategies = STRATEGIES if strategies is None else strategies

    def parse(self, text: str) -> ParseResult:
        """The object in the answer. Raises `InvalidAnswer` with one line per strategy that failed."""
        if len(text) > MAX_CHARS:
            raise _invalid([f"{len(text):,} characters; at most {MAX_CHARS:,} are read"])
        answer = without_thinking(text.removeprefix("\ufeff")).strip()
        if not answer:
            raise _invalid(["the answer is empty"])
        errors: list[str] = []
        for strategy in self._strategies:
            try:
                for candidate in strategy.find(answer):
                    return ParseResult(_object(loads(candidate)), strategy.name)
            except _NotAnObject as fault:
                raise _invalid([str(fault)]) from None
            except BadJSON as fault:
                errors.append(f"{strategy.name}: {fault}")
        raise _invalid(errors or ["no JSON object in the answer"])


class _NotAnObject(Exception):
    """Valid JSON of another kind; looking inside it would find a part of it."""


def _object(value: JSON) -> dict[str, JSON]:
    if not isinstance(value, dict):
        kinds = {list: "a list", str: "a string", bool: "true or false", type(None): "null"}
        raise _NotAnObject(f"the answer is {kinds.get(type(value), 'a number')}, not an object")
    return value


def without_thinking(text: str) -> str:
    """The text after a leading `<think>…</think>`; nothing when it never closes."""
    if not text.lstrip().startswith("<think>"):
        return text
    thinking = _THINKING.match(text)
    return text[thinking.end() :] if thinking else ""


def _invalid(errors: list[str]) -> InvalidAnswer:
    return InvalidAnswer(f"the answer is not one JSON object: {errors[0]}", errors=tuple(errors))
