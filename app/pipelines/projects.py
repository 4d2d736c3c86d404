"""The repositories that pipelines work on: register, find, choose."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Database
from app.errors import Conflict, Invalid, unknown
from app.tables import Gate, MovedBase, Pipeline, Project, TestAdapter
from app.workspace.adapters import ADAPTERS
from app.workspace.remote import read_remote
from app.workspace.repository import head_commit, open_repository
from app.workspace.sandbox.project_limits import SandboxLimits

SELF = "self"
"""The checkout that the service runs from."""
SAMPLE = "sample"
"""The repository that the service brings along."""
Pattern = Annotated[str, Field(min_length=1, max_length=500)]
GateName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]


def _default_command(given: dict[str, Any]) -> tuple[str, ...]:
    """That of the adapter; an adapter that is not known is refused by itself."""
    adapter = given.get("test_adapter")
    return ADAPTERS[adapter].default if adapter in ADAPTERS else ()


class ProjectDraft(BaseModel):
    """A project as people write it."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    path: str = Field(min_length=1, max_length=4096)
    """Absolute path of the repository on this host."""
    base_branch: str | None = Field(None, max_length=200)
    test_adapter: TestAdapter = TestAdapter.PYTEST
    """What the test command is, and so how its result is read."""
    test_command: tuple[str, ...] = Field(default_factory=_default_command)
    """Argument vector; `{python}` and `{junit}` are replaced. Left out: the one of the adapter."""
    python: str | None = None
    """Interpreter of the project's own environment; None: its `.venv`, or what the set-up command made."""
    setup_command: tuple[str, ...] | None = Field(None, min_length=1)
    """Argument vector that installs the dependencies into `{environment}`; a person permits each new one."""
    sandbox: SandboxLimits = SandboxLimits()
    """Limits of its commands that differ from the sandbox's own."""
    gates: tuple[GateName, ...] = ()
    """Names of the gates that every change has to pass before it is tested."""
    push_to: str | None = Field(None, max_length=2000)
    """URL (https or ssh) of the remote that gets the branches of runs; None: nothing is pushed."""
    on_moved_base: MovedBase = MovedBase.KEEP
    """What happens when the base branch went on while a run worked."""
    protected_paths: tuple[Pattern, ...] = ()
    permitted_paths: tuple[Pattern, ...] = ()

    @model_validator(mode="after")
    def _tests_somehow(self) -> ProjectDraft:
        is_gates = self.test_adapter is TestAdapter.GATES
        if bool(self.test_command) is is_gates:
            raise ValueError("test_command: only a project whose gates are its tests has none")
        if is_gates and not self.gates:
            raise ValueError("gates: a project whose gates are its tests needs at least one")
        return self


async def save(database: Database, draft: ProjectDraft) -> Project:
    """Register the project or change it, as a person. Raises `Invalid` for no usable repository."""
    await _check(database, draft)
    values = _values(draft, edited_at=func.clock_timestamp())
    statement = insert(Project).values(name=draft.name, **values)
    async with database.transaction() as session:
        await session.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))
        return await get(session, draft.name)


async def provide(database: Database, draft: ProjectDraft) -> Project:
    """A project of the service's own; what a person changed is kept."""
    async with database.transaction() as session:
        row = await session.scalar(select(Project).where(Project.name == draft.name))
    if row is not None and row.edited_at is not None:
        return row
    await _check(database, draft)
    values = _values(draft, edited_at=None)
    statement = insert(Project).values(name=draft.name, **values)
    untouched = Project.edited_at.is_(None)  # a person may have changed it while git was asked
    async with database.transaction() as session:
        await session.execute(
            statement.on_conflict_do_update(index_elements=["name"], set_=values, where=untouched)
        )
        return await get(session, draft.name)


async def register(database: Database, draft: ProjectDraft) -> Project:
    """A new project. Raises `Conflict` when there is one of that name."""
    async with database.transaction() as session:
        known = await session.scalar(select(Project.id).where(Project.name == draft.name))
    if known is not None:
        raise _exists(draft.name)
    await _check(database, draft)
    values = _values(draft, edited_at=func.clock_timestamp())
    async with database.transaction() as session:
        made = await session.scalar(
            insert(Project).values(name=draft.name, **values).on_conflict_do_nothing().returning(Project.id)
        )
        if made is None:  # somebody was faster while git was asked
            raise _exists(draft.name)
        return await get(session, draft.name)


def _values(draft: ProjectDraft, *, edited_at: ColumnElement[datetime] | None) -> dict[str, Any]:
    return {**draft.model_dump(mode="json", exclude={"name"}), "edited_at": edited_at}


def _exists(name: str) -> Conflict:
    return Conflict(f"the project {name!r} exists: PUT /projects/{name} changes it")


async def _check(database: Database, draft: ProjectDraft) -> None:
    """Asks git, so no transaction is open meanwhile."""
    if not Path(draft.path).is_absolute():
        raise Invalid(f"the path of a project is absolute; got {draft.path!r}", place="path")
    _check_command(draft)
    if draft.push_to is not None:
        read_remote(draft.push_to)
    async with database.transaction() as session:
        known = (await session.scalars(select(Gate.name))).all()
    for name in draft.gates:
        if name not in known:
            raise unknown("gate", name, known)
    repository = await open_repository(Path(draft.path))
    await head_commit(repository, draft.base_branch)


def _check_command(draft: ProjectDraft) -> None:
    adapter = ADAPTERS[draft.test_adapter]
    if adapter.names_junit and not any("{junit}" in argument for argument in draft.test_command):
        raise Invalid(
            "the test command must write JUnit XML to {junit}, for example --junitxml={junit}",
            place="test_command",
        )
    if draft.test_command:
        adapter.prepare(draft.test_command)


async def get(session: AsyncSession, name: str) -> Project:
    """Raises `NotFound` naming the projects there are."""
    row = await session.scalar(select(Project).where(Project.name == name))
    if row is None:
        raise unknown("project", name, [project.name for project in await every(session)])
    return row


async def every(session: AsyncSession) -> Sequence[Project]:
    return (await session.scalars(select(Project).order_by(Project.name))).all()


async def of_run(session: AsyncSession, run: Pipeline) -> Project | None:
    return None if run.project_id is None else await session.get(Project, run.project_id)


async def choose(session: AsyncSession, name: str | None) -> Project | None:
    """The named project; without a name the only one there is. Raises `Invalid` when that is unclear.

    The service's own ones do not count beside a person's, nor its own checkout beside the sample.
    """
    if name is not None:
        return await get(session, name)
    found = await every(session)
    for own in (SELF, SAMPLE):
        found = [project for project in found if project.name != own] or found
    if len(found) > 1:
        names = ", ".join(project.name for project in found)
        raise Invalid(f"say which project: {names}", place="project")
    return found[0] if found else None
