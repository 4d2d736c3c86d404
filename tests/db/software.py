"""The real phase kinds with a model that answers as a test says, on a repository of the test."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.llm.caller import LLMCaller
from app.llm.request import Patience
from app.llm.types import Answer, BackendName, Call
from app.pipelines import definitions, projects
from app.pipelines.definition import Definition, Phase
from app.pipelines.orchestrator import PhaseExecutionOrchestrator
from app.pipelines.phases import Tools, create_kinds
from app.pipelines.phases.kind import PhaseKind
from app.pipelines.projects import ProjectDraft
from app.services import Services
from app.tables import Pipeline
from app.usage.budget import defaults_of
from app.usage.recorder import UsageRecorder
from app.usage.tokens import Tokens
from app.workspace.access import GitAccess
from tests.db.repositories import Person, make_repository, tree_digest

EPIC = {
    "title": "Greet in capitals",
    "goal": "Guests who hear badly read the greeting",
    "user_stories": ["As a guest, I want capitals, so that I can read them"],
    "acceptance_criteria": ["shout gives capitals"],
}
ARCHITECTURE = {
    "epic_id": "Greet in capitals",
    "components": [
        {
            "name": "greeting",
            "purpose": "Makes greetings.",
            "file_path": "shop/greeting.py",
            "size_estimate": 5,
            "responsibilities": ["Greet"],
            "dependencies": [],
            "public_interface": [],
            "error_handling": ["Nothing can fail"],
            "test_count": 1,
        }
    ],
    "adrs": [],
    "test_strategy": {"unit": ["shout"], "integration": [], "e2e": []},
    "acceptance_criteria": ["shout gives capitals"],
}
REPOSITORY = {
    "shop/__init__.py": "",
    "shop/greeting.py": "def greet(name):\n    return f'Hello {name}'\n",
    "billing/__init__.py": "",
    "billing/total.py": "def total(*prices):\n    return sum(prices)\n",
    "tests/test_shop.py": """
from shop.greeting import greet

def test_greets():
    assert greet('A') == 'Hello A'
""",
    "tests/test_billing.py": """
from billing.total import total

def test_adds():
    assert total(1, 2) == 3
""",
}
SHOUT = {
    "shop/greeting.py": """def greet(name):
    return f'Hello {name}'

def shout(name):
    return greet(name).upper()
""",
    "tests/test_shout.py": """from shop.greeting import shout

def test_shouts():
    assert shout('a') == 'HELLO A'
""",
}
BROKEN = {**SHOUT, "shop/greeting.py": SHOUT["shop/greeting.py"].replace(".upper()", ".lower()")}
Reaction = Any
"""A document, a text, or an exception."""


class Team:
    """A backend that answers each phase from its own list, and keeps every call."""

    def __init__(self, name: BackendName = "recorded", **answers: list[Reaction]) -> None:
        self.name = name
        self._answers = {phase: list(given) for phase, given in answers.items()}
        self.calls: list[Call] = []

    async def answer(self, call: Call) -> Answer:
        self.calls.append(call)
        answer = self._answers[call.key.phase].pop(0)
        if isinstance(answer, Exception):
            raise answer
        text = answer if isinstance(answer, str) else json.dumps(answer)
        return Answer(text, Tokens(input=10, output=5), "a model")

    async def models(self) -> list[str]:
        return []

    async def version(self) -> str:
        return ""

    async def close(self) -> None:
        return None

    def asked(self, phase: str) -> list[Call]:
        return [call for call in self.calls if call.key.phase == phase]


def code(files: dict[str, str]) -> dict[str, Any]:
    """A `DeveloperDeliverable` with these files."""
    listed = [
        {
            "path": path,
            "content": content,
            "imports": [],
            "classes": [],
            "functions": [],
            "tests_required": [],
        }
        for path, content in files.items()
    ]
    return {
        "files": [file for file in listed if not file["path"].startswith("tests/")],
        "test_files": [file for file in listed if file["path"].startswith("tests/")],
        "dependencies": [],
        "migration_scripts": [],
    }


def review(passed: bool = True, *issues: str, failures: int = 0) -> dict[str, Any]:
    return {
        "passed": passed,
        "issues": [
            {
                "id": f"QA-{number}",
                "severity": "high",
                "category": "code",
                "description": text,
                "location": "shop/greeting.py:5",
                "fix_required": True,
            }
            for number, text in enumerate(issues, 1)
        ],
        "test_results": {"tests": 3, "failures": failures, "skipped": 0},
        "recommendations": [],
    }


class Shop:
    """A person's repository, a project of it, and runs on it."""

    def __init__(self, services: Services, folder: Path) -> None:
        self.services = services
        self.access = GitAccess()
        self.canary = folder / "canary"
        self.canary.mkdir()
        (self.canary / "keep.txt").write_text("keep\n")
        self.person: Person = make_repository(
            folder / "the shop", REPOSITORY, {"link": str(self.canary), "inside": "billing"}
        )

    async def change(self, **changes: Any) -> None:
        """Register the project with these fields."""
        values = {"name": "shop", "path": str(self.person.path), "python": sys.executable, **changes}
        await projects.save(self.services.database, ProjectDraft.model_validate(values))

    async def register(self) -> None:
        await self.change()
        async with self.services.database.transaction() as session:
            small = await definitions.get(session, "software-small")
            await definitions.save(session, _tiny(small), self.services.kinds, by_person=True)

    async def run(self, team: Team, definition: str = "tiny", epic: str = "Greet in capitals") -> Pipeline:
        """A run from its creation to its end."""
        run = await self.services.pipelines.create(epic, definition=definition, project="shop")
        await self.services.pipelines.start(run.id)
        await self.walk(run, team)
        return await self.services.pipelines.get(run.id)

    async def walk(self, run: Pipeline, *teams: Team, **parts: Any) -> None:
        orchestrator = PhaseExecutionOrchestrator(self.services.database, self.kinds(*teams, **parts), "w")
        assert await orchestrator.handle(run.id, asyncio.Event()) is None

    def kinds(self, *teams: Team, **parts: Any) -> dict[str, PhaseKind]:
        """The shipped kinds, with the teams for models, and with those parts of the caller."""
        services = self.services
        ledger = UsageRecorder(services.database, defaults_of(services.settings))
        tools = Tools(
            database=services.database,
            caller=LLMCaller(
                services.settings, {one.name: one for one in teams}, ledger, Patience(backoff_s=0), **parts
            ),
            renderer=services.renderer,
            sandbox=services.sandbox,
            state_dir=services.settings.state_dir,
            demo_digests={},
            access=self.access,
        )
        return create_kinds(tools)

    def workspace(self, run: Pipeline) -> Path:
        return self.services.settings.state_dir / "workspaces" / str(run.id) / str(run.fence) / "files"

    @contextmanager
    def untouched(self) -> Iterator[None]:
        """What is the person's is byte for byte the same after the block."""
        before = self.person.digest(), tree_digest(self.canary)
        yield
        assert (self.person.digest(), tree_digest(self.canary)) == before


def _tiny(small: Definition) -> Definition:
    """developer → test → commit, with one rework and no question asked twice, and tests that run once."""
    changes: dict[str, dict[str, Any]] = {
        "developer": {"limits": {"reasks": 0}},
        "test": {"max_rework": 1, "limits": {"baseline": False, "control": False}},
        "commit": {"inputs": ()},
    }
    phases = [phase for phase in small.phases if phase.name in changes]
    return Definition(
        name="tiny",
        description="A lane without a review",
        phases=tuple(
            Phase.model_validate({**phase.model_dump(by_alias=True), **changes[phase.name]})
            for phase in phases
        ),
    )
