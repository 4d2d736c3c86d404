"""Replays a cassette: no model, no network, no cost. The demo runs on it."""

from __future__ import annotations

import logging
from pathlib import Path

from app.errors import Invalid
from app.llm.backends.counts import estimated
from app.llm.cassette import Cassette, Entry
from app.llm.digest import question_digest
from app.llm.errors import Refused, Truncated, UnknownRecording
from app.llm.types import Answer, BackendName, Call, CallKey

log = logging.getLogger(__name__)

DRIFTED = "the request differs from the recorded one"


class RecordedBackend:
    """Answers by epic, definition, phase, item, round and step.

    Where an entry has no token counts they are estimated, so that a replayed bill has figures.
    """

    name: BackendName = "recorded"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[tuple[int, int], Cassette] | None = None

    async def answer(self, call: Call) -> Answer:
        entry = _find(self._cassette(), call.key, self._path)
        text = entry.answer_text()
        tokens = entry.counted() or estimated(call, text)
        if entry.stop == "length":
            raise Truncated(f"the recorded answer for {_words(call.key)} is cut off", tokens=tokens)
        if entry.stop == "refusal":
            raise Refused(f"the recorded answer for {_words(call.key)} is a refusal", tokens=tokens)
        return Answer(text, tokens, entry.model or "recorded", weakened=_drift(entry, call))

    async def models(self) -> list[str]:
        return sorted({entry.model or "recorded" for entry in self._cassette().entries})

    async def version(self) -> str:
        return "recorded"

    async def close(self) -> None:
        self._read = None

    def _cassette(self) -> Cassette:
        """The cassette, read again when the file has changed."""
        try:
            status = self._path.stat()
            changed = (status.st_mtime_ns, status.st_size)
            if self._read is None or self._read[0] != changed:
                lines = self._path.read_text(encoding="utf-8").split("\n")
                self._read = (changed, Cassette(lines, str(self._path)))
        except (OSError, UnicodeDecodeError) as error:
            why = f"the cassette {self._path} can not be read: {error}"
            raise UnknownRecording(f"{why}; set WORKBENCH_CASSETTE") from error
        except Invalid as error:
            raise UnknownRecording(f"the cassette is broken: {error.message}", **error.details) from error
        return self._read[1]


def _find(cassette: Cassette, key: CallKey, path: Path) -> Entry:
    if entry := cassette.find(key):
        return entry
    if cassette.knows(key.epic):
        raise UnknownRecording(f"{path} has no answer for {_words(key)} of the epic {key.epic!r}")
    known = "; ".join(repr(epic) for epic in cassette.epics) or "none"
    raise UnknownRecording(
        f"no recording of the epic {key.epic[:200]!r}; recorded are: {known}. "
        "Choose another backend for any other epic"
    )


def _words(key: CallKey) -> str:
    item = f", item {key.item!r}" if key.item else ""
    return f"phase {key.phase!r} of {key.definition!r}{item}, round {key.round}, step {key.step}"


def _drift(entry: Entry, call: Call) -> tuple[str, ...]:
    if entry.request_digest in (None, question_digest(call)):
        return ()
    log.info("recorded answer for %s: %s", _words(call.key), DRIFTED)
    return (DRIFTED,)
