"""Throws away what a finished run left in the repository and on the disk; the run itself stays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy import func, text

from app.db import Database
from app.errors import Conflict
from app.pipelines import events, projects, pushing, store
from app.pipelines.states import TERMINAL
from app.tables import PushState, State
from app.workspace.removal import check_removable, remove_branch
from app.workspace.repository import Repository, open_repository
from app.workspace.workspace import remove_workspace, workspace_folder

OWN_COMMIT = text(
    """
    SELECT intent.branch, body->>'commit' AS commit
    FROM commit_intents AS intent JOIN artifacts USING (pipeline_id)
    JOIN phase_runs ON phase_runs.id = phase_run_id AND kind = 'commit'
    WHERE intent.pipeline_id = :run AND current
    """
)


@dataclass(frozen=True)
class Leavings:
    """What a run has left."""

    branch: str | None
    """None: it committed nothing, or its branch is gone."""
    commit: str | None
    remote: str | None
    """Where the branch was pushed to, and stays."""


async def look(database: Database, pipeline_id: UUID) -> Leavings:
    """What would go. Raises `Conflict` for a run that is not finished, and for a branch in use."""
    leavings, repository = await _find(database, pipeline_id)
    if leavings.branch is None or leavings.commit is None or repository is None:
        return leavings
    there = await check_removable(repository, leavings.branch, leavings.commit)
    return leavings if there else Leavings(None, leavings.commit, leavings.remote)


async def discard(database: Database, state_dir: Path, pipeline_id: UUID, by: str) -> Leavings:
    """The event first: a branch that outlives a crash is gone with the next try."""
    leavings = await look(database, pipeline_id)
    async with database.transaction() as session:
        run = await store.get(session, pipeline_id, lock=True)
        fence = run.fence
        if run.discarded_at is None:
            run.discarded_at = func.clock_timestamp()
            told = {"by": by, "branch": leavings.branch, "commit": leavings.commit}
            await events.append(session, run, "discarded", told)
    _, repository = await _find(database, pipeline_id)
    if leavings.branch is not None and leavings.commit is not None and repository is not None:
        await remove_branch(repository, leavings.branch, leavings.commit)
    await remove_workspace(workspace_folder(state_dir, str(pipeline_id), fence))
    return leavings


async def _find(database: Database, pipeline_id: UUID) -> tuple[Leavings, Repository | None]:
    async with database.transaction() as session:
        run = await store.get(session, pipeline_id)
        if State(run.state) not in TERMINAL:
            raise Conflict(f"the run is {run.state}: cancel it first", state=run.state)
        project = await projects.of_run(session, run)
        made = (await session.execute(OWN_COMMIT, {"run": pipeline_id})).one_or_none()
        push = (await pushing.of_runs(session, [pipeline_id])).get(pipeline_id)
    remote = push.url if push is not None and push.state == PushState.PUSHED else None
    if made is None or project is None:
        return Leavings(None, None, remote), None
    return Leavings(made.branch, made.commit, remote), await open_repository(Path(project.path))
