"""What the same document costs in each channel, counted without a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.llm.channels import CHANNELS
from app.llm.types import JSON
from app.usage.estimate import estimate_tokens


@dataclass(frozen=True)
class Measure:
    channel: str
    characters: int
    escapes: int
    """Backslashes beyond those of the document itself: each is a chance for a model to err."""
    tokens: int
    """Estimated, never billed."""


def measure(document: Mapping[str, JSON], schema: Mapping[str, JSON]) -> tuple[Measure, ...]:
    """One measure per channel. Raises `UnsupportedSchema` when the schema holds no files."""
    own = _backslashes(document)
    found = []
    for channel in CHANNELS.values():
        text = channel.write(document, schema)
        # every backslash of the document is written twice where it is escaped, once where it is not
        escapes = text.count("\\") - own
        found.append(Measure(channel.name, len(text), escapes, estimate_tokens(text)))
    return tuple(found)


def _backslashes(value: JSON) -> int:
    if isinstance(value, str):
        return value.count("\\")
    if isinstance(value, Mapping):
        return sum(_backslashes(name) + _backslashes(part) for name, part in value.items())
    return sum(map(_backslashes, value)) if isinstance(value, list) else 0
