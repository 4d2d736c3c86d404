"""Counts the tokens of a turn: the prompt by its parts, the answer, the same as prose and as a document."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.artifacts.documents import render_document, template_text
from app.rendering.renderer import Renderer
from tests.benchmarks.economy.epics import FILES, Epic, files, sections
from tests.benchmarks.economy.running import Turn

Count = Callable[[str], int]
DOCUMENTS = {"pm": "epic", "architect": "architecture", "developer": "code", "qa": "qa_report"}
"""Artifact of each phase; its template is the document."""
_BLOCK = re.compile(r"<(repository|artifacts)>.*</\1>", re.DOTALL)


@dataclass(frozen=True)
class Prompt:
    """Tokens of what is sent."""

    role: int
    """Role, constraints and the words around schema and example."""
    schema: int
    example: int
    repository: int
    artifacts: int
    task: int
    """Epic description, issues, test results and the words around all."""

    @property
    def overhead(self) -> int:
        """What every call of this role has, whatever it is about."""
        return self.role + self.schema + self.example

    @property
    def total(self) -> int:
        return self.overhead + self.repository + self.artifacts + self.task


@dataclass(frozen=True)
class Counted:
    """One turn in tokens."""

    phase: str
    round: int
    prompt: Prompt
    answer: int
    """As minified JSON, which is what the prompts ask for."""
    spaced: int
    """The same with a space after each comma and colon."""
    indented: int
    """The same JSON over several lines, as some models write it."""
    code: int
    """The files in the answer, as they stand on disk."""
    escaped: int
    """The same files as JSON strings, as they stand in the answer."""
    lists: int
    """What the answer says of each file beside its content: imports, classes, functions."""
    prose: int
    """What says the same as the answer, code included."""
    document: int
    """What the template makes of the answer, without code."""


@dataclass(frozen=True)
class Component:
    """One part of an architecture in tokens."""

    name: str
    answer: int
    prose: int
    document: int


async def turn_in_tokens(epic: Epic, turn: Turn, count: Count, renderer: Renderer) -> Counted:
    answer = json.loads(turn.answer)
    phase, round_ = turn.place
    document = await _document(renderer, DOCUMENTS[phase], answer, epic)
    return Counted(
        phase,
        round_,
        prompt_in_tokens(turn, count),
        answer=count(compact(answer)),
        spaced=count(json.dumps(answer, ensure_ascii=False)),
        indented=count(json.dumps(answer, ensure_ascii=False, indent=2)),
        code=sum(map(count, files(answer).values())),
        escaped=sum(count(compact(content)) for content in files(answer).values()),
        lists=sum(count(compact(_lists(file))) for key in FILES for file in answer.get(key, ())),
        prose=count(epic.prose(phase, round_, answer)),
        document=count(document),
    )


async def components_in_tokens(epic: Epic, turn: Turn, count: Count, renderer: Renderer) -> list[Component]:
    """The components of the architect's answer."""
    answer = json.loads(turn.answer)
    prose = sections(epic.prose(*turn.place, answer))
    return [
        Component(
            part["name"],
            answer=count(compact(part)),
            prose=count(prose[part["name"]]),
            document=count(await _document(renderer, "component", part, epic)),
        )
        for part in answer["components"]
    ]


def prompt_in_tokens(turn: Turn, count: Count) -> Prompt:
    """Parts are counted by themselves, so that their sum can differ from the whole by a token a part."""
    schema, example = _line(turn.call.system, "Schema: "), _line(turn.call.system, "Example: ")
    task = "".join(message.content for message in turn.call.messages)
    blocks = {block[1]: count(block[0]) for block in _BLOCK.finditer(task)}
    return Prompt(
        role=count(turn.call.system.replace(schema, "").replace(example, "")),
        schema=count(schema),
        example=count(example),
        repository=blocks.get("repository", 0),
        artifacts=blocks.get("artifacts", 0),
        task=count(_BLOCK.sub("", task)),
    )


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _lists(file: Mapping[str, Any]) -> dict[str, Any]:
    return {name: file[name] for name in ("imports", "classes", "functions")}


def _line(text: str, beginning: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(beginning))


async def _document(renderer: Renderer, name: str, answer: Mapping[str, Any], epic: Epic) -> str:
    run = {"id": "0" * 8, "epic_description": epic.description, "definition": "software"}
    return await render_document(renderer, template_text(name), answer, run, name=name)
