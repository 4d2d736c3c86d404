"""Commit messages: the model's words above, our trailers last, so that no word of a model is a trailer."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from app.errors import Invalid

MAX_SUBJECT = 72
MAX_BODY = 10_000

_TRAILER = re.compile(r"([A-Za-z][A-Za-z0-9-]*): (.*)")
_LOOKS_LIKE_STRUCTURE = re.compile(r"\s*[\w-]+\s*[:=]|---|#|\(cherry picked|diff -|Index: |@@")
"""What git or `git am` may read as a trailer, a divider, a comment or the start of a patch."""


def commit_message(subject: str, body: str, trailers: Mapping[str, str]) -> str:
    """One line of at most 72 characters, the body, then the trailers as a paragraph of their own."""
    parts = [_subject(subject), _body(body), _trailers(trailers)]
    return "\n\n".join(part for part in parts if part) + "\n"


def trailers_of(message: str) -> dict[str, str]:
    """The trailers of a message that `commit_message` wrote: its last paragraph, if it is nothing else."""
    paragraphs = message.rstrip("\n").split("\n\n")
    lines = paragraphs[-1].split("\n")
    matches = [_TRAILER.fullmatch(line) for line in lines]
    if len(paragraphs) < 2 or not all(matches):
        return {}
    return {match[1]: match[2] for match in matches if match}


def _subject(text: str) -> str:
    line = " ".join(_clean(text).split()).lstrip("#- ")
    if not line:
        raise Invalid("a commit needs a subject")
    return line if len(line) <= MAX_SUBJECT else line[: MAX_SUBJECT - 1].rstrip() + "…"


def _body(text: str) -> str:
    lines = [line.rstrip() for line in _clean(text[:MAX_BODY]).split("\n")]
    return "\n".join(f"    {line}" if _LOOKS_LIKE_STRUCTURE.match(line) else line for line in lines).strip(
        "\n"
    )


def _trailers(trailers: Mapping[str, str]) -> str:
    lines = []
    for key, value in trailers.items():
        line = f"{key}: {' '.join(_clean(value).split())}"
        if not _TRAILER.fullmatch(line) or line.endswith(": "):
            raise Invalid(f"{key!r} with {value!r} is not a trailer")
        lines.append(line)
    return "\n".join(lines)


def _clean(text: str) -> str:
    """Every line break as a newline; no control, direction or surrogate characters."""
    joined = "\n".join(text.splitlines()).replace("\t", "    ")
    return "".join(c for c in joined if c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Cs"))
