"""What a run changes: in its commit once there is one, before that in its artifacts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.artifacts import store as artifacts
from app.db import Database
from app.errors import Conflict, NotFound
from app.pipelines import projects, store
from app.pipelines.code import CODE_ARTIFACT, files_of
from app.tables import CommitIntent
from app.workspace.apply import Applied, apply_change
from app.workspace.changes import FileChange, find_changes
from app.workspace.files import SourceFile
from app.workspace.repository import open_repository


@dataclass(frozen=True)
class Change:
    """The files of a run over the commit that they belong to."""

    repository: Path
    base: str
    files: tuple[SourceFile, ...]


async def change_of(database: Database, pipeline_id: UUID) -> Change:
    """Raises `NotFound`, and `Conflict` while the run has written nothing."""
    async with database.transaction() as session:
        run = await store.get(session, pipeline_id)
        project = await projects.of_run(session, run)
        intent = await session.get(CommitIntent, run.id)
        written = files_of(await _code(session, pipeline_id))
    if project is None or run.base_commit is None:
        raise Conflict("the run works on no repository, so it changes none")
    if intent is not None:
        files = tuple(SourceFile(file["path"], file["content"]) for file in intent.files)
        return Change(Path(project.path), intent.parent, files)
    if not written:
        raise Conflict(f"the run has written no file so far; it is {run.state}", state=run.state)
    return Change(Path(project.path), run.base_commit, written)


async def diff(database: Database, pipeline_id: UUID) -> tuple[Change, tuple[FileChange, ...]]:
    """The change with what becomes of each file. Git is asked with no transaction open."""
    change = await change_of(database, pipeline_id)
    repository = await open_repository(change.repository)
    return change, (await find_changes(repository, change.base, change.files)).files


async def apply(database: Database, pipeline_id: UUID, *, index: bool = False) -> Applied:
    """Put the change into the working copy of the project. Raises `CanNotApply`, `UnsafePath`."""
    change = await change_of(database, pipeline_id)
    return await apply_change(
        await open_repository(change.repository), change.base, change.files, index=index
    )


async def _code(session: AsyncSession, pipeline_id: UUID) -> dict[str, object] | None:
    try:
        return (await artifacts.get(session, pipeline_id, CODE_ARTIFACT)).body
    except NotFound:
        return None
