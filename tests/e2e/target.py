"""A project whose tests take no time, runs on it, and the settings of a worker of them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from app.db import Database
from app.limits import store as limits
from app.pipelines import projects
from app.pipelines.creation import NewRun, Pinned, insert
from app.pipelines.profile import ProfileChange
from app.pipelines.projects import ProjectDraft
from app.pipelines.routing import change_profile
from app.services import Services
from app.settings import Settings
from tests.db.repositories import Person, make_repository
from tests.e2e import canary

REPORT = '<testsuite tests="1"><testcase classname="t" name="works"/></testsuite>\n'
FILES = {"src/value.py": "VALUE = 0\n", "report.xml": REPORT, "README.md": "Nothing.\n"}
TEST = ("/bin/cp", "report.xml", "{junit}")
"""Real tests run in the real sandbox; this one is the quickest there is."""
SLOTS = 64
"""Calls at once, of all workers; a killed worker keeps its slots until they expire."""


class Belongings:
    """What a person has on this machine: a repository, and a folder beside it that nobody may touch."""

    def __init__(self, root: Path) -> None:
        self.person: Person = make_repository(root / "a repository", FILES)
        self._canary = root / "canary"
        self._canary.mkdir()
        for number in range(20):
            (self._canary / f"{number}.txt").write_text(f"{number}\n")
        self._before = self._picture()

    def changes(self) -> list[str]:
        return [f"canary: {path} changed" for path in canary.changes(self._before, self._picture())]

    def _picture(self) -> canary.Picture:
        return canary.take(self._canary, self.person.path)


def settings_of(root: Path, database: str, model: str, *, lease_s: float, **more: int) -> Settings:
    (root / "state").mkdir(mode=0o711)
    (root / "tmp").mkdir(mode=0o711)
    return Settings(
        _env_file=None,
        database_url=database,
        state_dir=root / "state",
        openai_base_url=model,
        lease_s=lease_s,
        **more,  # type: ignore[arg-type]
    )


def environment(settings: Settings) -> dict[str, str]:
    """What a worker process reads its settings from."""
    assert settings.database_url is not None
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("WORKBENCH_")},
        "TMPDIR": str(settings.state_dir.parent / "tmp"),
        "WORKBENCH_DATABASE_URL": settings.database_url.get_secret_value(),
        "WORKBENCH_STATE_DIR": str(settings.state_dir),
        "WORKBENCH_OPENAI_BASE_URL": settings.openai_base_url,
        "WORKBENCH_LEASE_S": str(settings.lease_s),
        "WORKBENCH_MAX_ATTEMPTS": str(settings.max_attempts),
        "WORKBENCH_WORKER_CONCURRENCY": str(settings.worker_concurrency),
    }


async def furnish(services: Services, person: Person, *, timeout_s: int) -> Pinned:
    """The project, and a model that may take so long; gives what runs on them are made of."""
    draft = ProjectDraft(name="target", path=str(person.path), test_command=TEST, python=sys.executable)
    await projects.save(services.database, draft)
    async with services.database.transaction() as session:
        await change_profile(session, "lmstudio", ProfileChange(timeout_s=timeout_s))
        await limits.change(session, "backend:openai", {"max_concurrent": SLOTS}, services.backends)
    return await services.pipelines.pin("software-small", "target", "lmstudio")


async def queue(database: Database, pinned: Pinned, number: int) -> None:
    """So many new runs, ready to be worked on."""
    async with database.transaction() as session:
        runs = [NewRun(f"Change the value, please: {number}") for number in range(number)]
        await insert(session, pinned, runs, queue=True)
