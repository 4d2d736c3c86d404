"""The recorded epics of the token figures: each becomes a tested commit, and its prose leaves nothing out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from app.artifacts.registry import schema
from app.llm.cassette import Cassette
from app.llm.types import CallKey
from app.services import open_services
from app.settings import Settings
from app.workspace.sandbox.sandbox import Sandbox
from tests.benchmarks.economy.counting import prompt_in_tokens
from tests.benchmarks.economy.epics import EPICS, Epic, files, sections
from tests.benchmarks.economy.running import run

SCHEMAS = {
    "pm": "EpicDeliverable",
    "architect": "ArchitectureDeliverable",
    "developer": "DeveloperDeliverable",
    "qa": "QADeliverable",
}
each_epic = pytest.mark.parametrize("epic", EPICS, ids=lambda epic: epic.size)


def answers(epic: Epic) -> dict[tuple[str, int], dict[str, Any]]:
    cassette = Cassette(epic.cassette.read_text("utf-8").split("\n"))
    found = {}
    for phase, round_ in epic.turns:
        key = CallKey(epic=epic.description, definition="software", phase=phase, round=round_)
        entry = cassette.find(key)
        assert entry is not None
        found[phase, round_] = json.loads(entry.answer_text())
    return found


@each_epic
async def test_the_epic_runs_to_a_commit(epic: Epic, settings: Settings, sandbox: Sandbox) -> None:
    async with open_services(settings.model_copy(update={"cassette": epic.cassette}), sandbox) as services:
        turns = await run(services, epic)
    assert [turn.place for turn in turns] == list(epic.turns)
    assert {turn.place: json.loads(turn.answer) for turn in turns} == answers(epic)
    for turn in turns:
        whole = [turn.call.system, *(message.content for message in turn.call.messages)]
        assert prompt_in_tokens(turn, len).total == sum(map(len, whole))


@each_epic
def test_every_answer_is_valid_as_it_stands(epic: Epic) -> None:
    for (phase, _), answer in answers(epic).items():
        valid = schema(SCHEMAS[phase]).validate(answer)
        assert {name: valid[name] for name in answer} == answer


@each_epic
def test_the_prose_names_all_that_the_answer_names(epic: Epic) -> None:
    """What is left out of the prose would make it look cheaper than it is, what is added dearer."""
    for (phase, round_), answer in answers(epic).items():
        prose = epic.prose(phase, round_, answer)
        missing = [name for name in named(answer) if name.lower() not in prose.lower()]
        assert not missing, f"{phase}, round {round_}"


@each_epic
def test_each_component_has_its_section_in_the_prose(epic: Epic) -> None:
    answer = answers(epic)["architect", 0]
    parts = sections(epic.prose("architect", 0, answer))
    assert list(parts) == [component["name"] for component in answer["components"]]
    for component in answer["components"]:
        missing = [name for name in named(component) if name not in parts[component["name"]]]
        assert not missing, component["name"]


@each_epic
def test_the_prose_of_code_holds_the_same_files(epic: Epic) -> None:
    for place, answer in answers(epic).items():
        prose = epic.prose(*place, answer)
        assert prose.count("```") == 2 * len(files(answer))
        assert all(content in prose for content in files(answer).values())


def named(answer: Any, key: str = "") -> Iterator[str]:
    """Names, types, paths, figures and quoted requests: what two texts can be compared by."""
    if isinstance(answer, dict):
        for key, value in answer.items():
            yield from named(value, key)
    elif isinstance(answer, list):
        for value in answer:
            yield from named(value, key)
    elif isinstance(answer, str) and key in ("content", "imports", "classes", "functions"):
        return  # the code says them
    elif isinstance(answer, str) and " " not in answer:
        yield answer.strip(".")
    elif isinstance(answer, str):
        yield from re.findall(r"\d+(?:\.\d+)?|[A-Z]+ /[\w/{}?=&]+", answer)
    elif isinstance(answer, int) and not isinstance(answer, bool) and answer:
        yield str(answer)
