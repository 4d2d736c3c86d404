"""The three recorded epics, and the prose that says what their answers say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.seeding.demo import CASSETTE, SAMPLE_EPIC

HERE = Path(__file__).parent
AUTHOR = "prose written for this comparison by a language model (Claude), reviewed by nobody else"
FILES = ("files", "test_files", "migration_scripts")
_PLACE = re.compile(r"^<<(.+)>>$", re.MULTILINE)
_SECTION = re.compile(r"^### ([^\n]+)\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Epic:
    """One epic on the sample service, by the definition `software`."""

    size: str
    description: str
    cassette: Path
    turns: tuple[tuple[str, int], ...]
    """Phase and round of each question to a model, in order."""

    def prose(self, phase: str, round_: int, answer: dict[str, Any]) -> str:
        """What a model would write in place of this answer; the code in it is the answer's."""
        text = (HERE / "prose" / self.size / f"{phase}-{round_}.md").read_text("utf-8")
        return _PLACE.sub(lambda place: _fenced(place[1], files(answer)[place[1]]), text)


_REWORKED = (("pm", 0), ("architect", 0), ("developer", 0), ("qa", 0), ("developer", 1), ("qa", 1))
_DEMO = (*_REWORKED[:3], ("developer", 1), ("qa", 1), ("developer", 2), ("qa", 2))

EPICS = (
    Epic("small", SAMPLE_EPIC, CASSETTE, _DEMO),
    Epic("standard", "Let clients filter and page the list of orders", HERE / "cassette.jsonl", _REWORKED),
    Epic(
        "large",
        "Sell products from a catalogue with stock, customers and invoices",
        HERE / "cassette.jsonl",
        _REWORKED,
    ),
)


def files(answer: dict[str, Any]) -> dict[str, str]:
    """The files that an answer writes: path -> content."""
    return {file["path"]: file["content"] for key in FILES for file in answer.get(key, ())}


def sections(prose: str) -> dict[str, str]:
    """The parts of an architecture in prose, by the component's name."""
    return {name: text.strip() for name, text in _SECTION.findall(prose)}


def _fenced(path: str, content: str) -> str:
    return f"```{'python' if path.endswith('.py') else 'markdown'}\n{content}```"
