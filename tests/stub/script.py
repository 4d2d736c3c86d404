"""Answers from a cassette, in the order of its file: a whole run played through the wire."""

from __future__ import annotations

from pathlib import Path

from app.llm.cassette import Cassette, Entry
from tests.stub.shapes import Shape


def entries(path: Path) -> list[Shape]:
    return [_shape(entry) for entry in Cassette(path.read_text().split("\n"), str(path)).entries]


def _shape(entry: Entry) -> Shape:
    return Shape(text=entry.answer_text(), stop=entry.stop, tokens=entry.counted())
