"""Recorded answers in a file of JSON lines, and a wrapper that makes any backend write one.

A header line `{"cassette": 1, "epics": [...], "source": "..."}` opens a section; the entries after it
belong to its epics. A later entry for the same call replaces an earlier one.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from app.errors import Invalid
from app.llm.digest import question_digest
from app.llm.errors import Refused, Truncated
from app.llm.strict_json import BadJSON, loads
from app.llm.types import JSON, Answer, Backend, Call, CallKey
from app.usage.tokens import Tokens

Slot = tuple[str, str, str, str, int, int]
"""Epic (folded), definition, phase, item, round, step."""
Stop = Literal["end", "length", "refusal"]


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Header(_Line):
    cassette: Literal[1]
    epics: list[str] = Field(min_length=1)
    source: str = ""
    """Where the answers come from, in words."""


class Counts(_Line):
    input: int = Field(0, ge=0)
    cache_read: int = Field(0, ge=0)
    cache_write: int = Field(0, ge=0)
    cache_write_1h: int = Field(0, ge=0)
    output: int = Field(0, ge=0)
    thinking: int = Field(0, ge=0)


class Entry(_Line):
    """One recorded answer: `json` or `text`, and how it ended."""

    definition: str
    phase: str
    item: str = ""
    round: int = 0
    step: int = 0
    request_digest: str | None = None
    """`question_digest` of the call; a difference is reported, never refused."""
    model: str | None = None
    answer_json: dict[str, Any] | None = Field(None, alias="json")
    text: str | None = None
    stop: Stop = "end"
    tokens: Counts | None = None

    @model_validator(mode="after")
    def _one_answer(self) -> Entry:
        given = [part for part in (self.answer_json, self.text) if part is not None]
        if len(given) > 1 or (not given and self.stop == "end"):
            raise ValueError("an entry has exactly one of json and text")
        return self

    def answer_text(self) -> str:
        if self.answer_json is not None:
            return json.dumps(self.answer_json, ensure_ascii=False)
        return self.text or ""

    def counted(self) -> Tokens | None:
        return Tokens(**self.tokens.model_dump()) if self.tokens else None


class Cassette:
    """The entries of one file, by call. Raises `Invalid` with the number of the first bad line."""

    def __init__(self, lines: Iterable[str], place: str = "cassette") -> None:
        self.epics: list[str] = []
        self.entries: list[Entry] = []
        """All entries, in the order of the file."""
        self._slots: dict[Slot, Entry] = {}
        section: Header | None = None
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            record = _record(line, f"{place}, line {number}")
            if isinstance(record, Header):
                section = record
                self._add_epics(record.epics)
            elif section is None:
                raise Invalid(
                    f"{place}, line {number}: an entry before the first header", place=f"line {number}"
                )
            else:
                self._add(record, section.epics)

    def find(self, key: CallKey) -> Entry | None:
        return self._slots.get(_slot(key.epic, key))

    def knows(self, epic: str) -> bool:
        return fold(epic) in {fold(known) for known in self.epics}

    def _add_epics(self, epics: list[str]) -> None:
        self.epics += [epic for epic in epics if not self.knows(epic)]

    def _add(self, entry: Entry, epics: list[str]) -> None:
        self.entries.append(entry)
        for epic in epics:
            self._slots[_slot(epic, entry)] = entry


class Recording:
    """A backend that writes every answer of another one to a cassette."""

    def __init__(self, backend: Backend, path: Path) -> None:
        self.name = backend.name
        self._backend = backend
        self._path = path
        self._section: tuple[str, int] | None = None
        """Epic of the last section written here, and the file's size after it."""

    async def answer(self, call: Call) -> Answer:
        try:
            answer = await self._backend.answer(call)
        except (Truncated, Refused) as error:
            stop: Stop = "length" if isinstance(error, Truncated) else "refusal"
            self._write(call, {"text": "", "stop": stop} | _counts(error.tokens))
            raise
        self._write(call, {"model": answer.model} | _content(answer.text) | _counts(answer.tokens))
        return answer

    async def models(self) -> list[str]:
        return await self._backend.models()

    async def version(self) -> str:
        return await self._backend.version()

    async def close(self) -> None:
        await self._backend.close()

    def _write(self, call: Call, content: dict[str, JSON]) -> None:
        """Append one entry; with a header when the file ends with another section."""
        key = call.key
        place = {name: getattr(key, name) for name in ("definition", "phase", "item", "round", "step")}
        lines = [place | {"request_digest": question_digest(call)} | content]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if self._section != (key.epic, os.fstat(descriptor).st_size):
                lines.insert(0, {"cassette": 1, "epics": [key.epic], "source": f"recorded from {self.name}"})
            # One write, so that a reader or a crash never sees half a line.
            os.write(descriptor, "".join(json.dumps(line) + "\n" for line in lines).encode())
            self._section = (key.epic, os.fstat(descriptor).st_size)
        finally:
            os.close(descriptor)


def fold(epic: str) -> str:
    """The epic without regard to case and white space."""
    return " ".join(epic.casefold().split())


def _slot(epic: str, key: CallKey | Entry) -> Slot:
    return (fold(epic), key.definition, key.phase, key.item, key.round, key.step)


def _record(line: str, place: str) -> Header | Entry:
    try:
        data = loads(line)
        if isinstance(data, dict) and "cassette" in data:
            return Header.model_validate(data)
        return Entry.model_validate(data)
    except BadJSON as fault:
        raise Invalid(f"{place}: {fault}", place=place) from None
    except ValidationError as fault:
        first = fault.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Invalid(f"{place}: {where}{': ' if where else ''}{first['msg']}", place=place) from None


def _content(text: str) -> dict[str, JSON]:
    """`json` for an answer that is one object, so that a person can read and edit it."""
    try:
        value = loads(text)
    except BadJSON:
        value = None
    return {"json": value} if isinstance(value, dict) else {"text": text}


def _counts(tokens: Tokens | None) -> dict[str, JSON]:
    return {"tokens": Counts(**vars(tokens)).model_dump()} if tokens else {}
