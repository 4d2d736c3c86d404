"""The kinds of text in the schemas, each with a check whose message tells the model what to change."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

MAX_LINE = 500
"""Characters of one bullet point or sentence."""
_ABBREVIATIONS = ("e.g.", "i.e.", "etc.", "vs.", "cf.", "approx.", "incl.", "no.")
_END_OF_SENTENCE = re.compile(r"(\S{0,60}[.!?][\"')\]`]*)\s+(\S)")
_WIDE_END = re.compile("[\u3002\uff01\uff1f](?=.)")  # Chinese and Japanese full stops


def one_line(text: str) -> str:
    """The text without outer space. Refuses empty text, several lines and long ones."""
    text = text.strip()
    if not text:
        raise ValueError("must not be empty")
    if len(text.splitlines()) > 1:
        raise ValueError("must be one line: no line breaks")
    if len(text) > MAX_LINE:
        raise ValueError(f"must have at most {MAX_LINE} characters, this has {len(text)}")
    return text


def one_sentence(text: str) -> str:
    """One line that holds one sentence; abbreviations and dots inside names do not end one."""
    text = one_line(text)
    ends = sum(_ends_sentence(*match.groups()) for match in _END_OF_SENTENCE.finditer(text))
    ends += len(_WIDE_END.findall(text))
    if ends:
        raise ValueError(f"must be one sentence, this has {ends + 1}: keep the most important one")
    return text


def _ends_sentence(word: str, following: str) -> bool:
    return following.isupper() and not word.lower().lstrip("(\"'`").endswith(_ABBREVIATIONS)


Line = Annotated[str, AfterValidator(one_line)]
"""A name or a bullet point."""

Sentence = Annotated[str, AfterValidator(one_sentence)]
"""A purpose, a goal, a description."""
