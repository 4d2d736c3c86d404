"""Phases of kind `commit`: an intent row first, then one commit by git plumbing."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.artifacts.documents import render_document
from app.db import Database
from app.errors import Conflict, Invalid
from app.pipelines import leases
from app.pipelines.code import files_of
from app.pipelines.leases import Lease
from app.pipelines.permits import check_files
from app.pipelines.phases.kind import JSON, Draft, PhaseContext, PhaseResult
from app.pipelines.phases.landing import Lander, Landing
from app.pipelines.phases.repository import repository_of
from app.pipelines.project import ProjectSpec
from app.pipelines.pushing import Parcel, Pusher
from app.pipelines.snapshot import Snapshot
from app.pipelines.testing import TestBench
from app.rendering.renderer import Renderer
from app.tables import CommitIntent, Outcome, Push
from app.usage import reports
from app.workspace import declared
from app.workspace.branch import BranchLocked, publish_commit
from app.workspace.commit import CommitPlan, build_commit, commit_files, find_commit
from app.workspace.declared import NoSettings
from app.workspace.files import SourceFile
from app.workspace.message import commit_message, trailers_of
from app.workspace.repository import Repository
from app.workspace.workspace import remove_workspace, workspace_folder

BRANCH_FOLDER = "workbench"
"""Every run commits to `workbench/<run id>`."""
OWN_LOCK_S = 5.0
"""Nobody but this run locks its branch, and git holds the lock for milliseconds."""
LOCK_WAIT_S = 60.0


class CommitPhase:
    """Commits the run's files on a branch of their own; the person's branch and index stay as they are."""

    def __init__(
        self, database: Database, renderer: Renderer, state_dir: Path, bench: TestBench, pusher: Pusher
    ) -> None:
        self._database = database
        self._renderer = renderer
        self._state_dir = state_dir
        self._lander = Lander(bench, state_dir)
        self._pusher = pusher

    async def run(self, context: PhaseContext) -> PhaseResult:
        """The same run gives the same hash, however often it is tried. Raises `BranchExists`, `GitError`."""
        if context.project is None or context.base_commit is None:
            raise Invalid("a phase of kind commit needs a project", place=context.spec.name)
        repository = await repository_of(context.project)
        intent = await self._known_intent(context)
        if intent is None:
            landing = await self._lander.land(context, context.project, repository, context.base_commit)
            if isinstance(landing, PhaseResult):
                return landing
            intent = await self._intent(context, landing)
        plan = CommitPlan(
            branch=intent.branch,
            parent=intent.parent,
            message=intent.message,
            at=intent.committed_at,
            files=tuple(SourceFile(file["path"], file["content"]) for file in intent.files),
        )
        made = await build_commit(repository, plan)
        commit = await find_commit(repository, plan.branch, str(context.pipeline_id), commit=made)
        if commit is None:
            commit = made
            await _publish(repository, plan.branch, commit)
        push = await self._push(context, context.project, plan.branch, commit)
        # what is committed can be looked at there; a run that fails keeps its files
        await remove_workspace(workspace_folder(self._state_dir, str(context.pipeline_id), context.fence))
        record = {
            **_record(plan, commit, await commit_files(repository, commit)),
            **_base(context, plan),
            **_pushed(push),
        }
        return PhaseResult(Outcome.PASSED, artifact=record)

    def check(self, draft: Draft) -> list[tuple[str, str]]:
        return declared.faults(NoSettings, draft.settings) + [
            (field, "a phase of kind commit needs one")
            for field in ("artifact", "schema")
            if getattr(draft, field) is None
        ]

    async def _push(
        self, context: PhaseContext, project: ProjectSpec, branch: str, commit: str
    ) -> Push | None:
        """A remote that can not be reached fails no run: the commit is made, and pushed later."""
        if project.push_to is None:
            return None
        return await self._pusher.send(
            Parcel(context.pipeline_id, Path(project.path), project.push_to, branch, commit)
        )

    async def _known_intent(self, context: PhaseContext) -> CommitIntent | None:
        """What an earlier try has written down; it holds, wherever the base branch is by now."""
        async with self._database.transaction() as session:
            return await session.get(CommitIntent, context.pipeline_id)

    async def _intent(self, context: PhaseContext, landing: Landing) -> CommitIntent:
        """What will be committed, written down once: the point of no return for a cancel.

        Raises `UnsafePath` for a file that is protected by now.
        """
        documents = await self._documents(context)
        lease = Lease(context.pipeline_id, context.fence)
        async with self._database.transaction() as session:
            run = await leases.fenced(session, lease)
            intent = await session.get(CommitIntent, run.id)
            if intent is not None:
                return intent
            if run.asked == "cancel":
                raise Conflict("the run is being cancelled", state=run.state)
            if context.project is not None:
                check_files(context.project, context.snapshot.phases, landing.files)
            files = (*landing.files, *documents)
            intent = CommitIntent(
                pipeline_id=run.id,
                branch=f"{BRANCH_FOLDER}/{run.id}",
                parent=landing.parent,
                message=await _message(session, context),
                files=[{"path": file.path, "content": file.content} for file in files],
            )
            session.add(intent)
            await session.flush()
            await session.refresh(intent)
        return intent

    async def _documents(self, context: PhaseContext) -> tuple[SourceFile, ...]:
        """The architecture as a document, when the definition writes documents."""
        maker = _maker_of(context.snapshot, "architecture")
        body = context.artifacts.get("architecture")
        if not context.snapshot.write_documents or maker is None or body is None:
            return ()
        run = {
            "id": str(context.pipeline_id),
            "epic_description": context.epic_description,
            "definition": context.snapshot.definition,
        }
        text = await render_document(self._renderer, maker, body, run)
        return (SourceFile(f"docs/ARCH-{str(context.pipeline_id)[:8]}.md", text),)


async def _publish(repository: Repository, branch: str, commit: str) -> None:
    """A lock on the run's own branch is that of an earlier try whose git was killed, or is about to end."""
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            return await publish_commit(repository, branch, commit, stale_lock_s=OWN_LOCK_S)
        except BranchLocked:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(1)


def _maker_of(snapshot: Snapshot, artifact: str) -> str | None:
    """Text of the document template of the phase that makes the artifact."""
    return next(
        (phase.template.text for phase in snapshot.phases if phase.artifact == artifact and phase.template),
        None,
    )


async def _message(session: AsyncSession, context: PhaseContext) -> str:
    epic = context.artifacts.get("epic") or {}
    title = epic.get("title") or context.epic_description.splitlines()[0]
    bill = await reports.total(session, context.pipeline_id)
    cost = f"${bill.cost_usd:.4f}" + (f" and {bill.unpriced} calls of unknown price" if bill.unpriced else "")
    return commit_message(
        title,
        epic.get("goal", ""),
        {
            "Run-Id": str(context.pipeline_id),
            "Prompt-Versions": " ".join(await reports.prompts(session, context.pipeline_id)),
            "Cost": cost,
        },
    )


def _base(context: PhaseContext, plan: CommitPlan) -> JSON:
    """Nothing where the parent is the commit that the run began with."""
    if plan.parent == context.base_commit:
        return {}
    change = {file.path: file.content for file in files_of(context.artifacts.get("code"))}
    merged = [file.path for file in plan.files if change.get(file.path, file.content) != file.content]
    return {"base": {"began_with": context.base_commit, "merged": merged}}


def _pushed(push: Push | None) -> JSON:
    if push is None:
        return {}
    return {"push": {"url": push.url, "branch": push.branch, "state": str(push.state), "error": push.error}}


def _record(plan: CommitPlan, commit: str, files: list[tuple[str, str]]) -> JSON:
    trailers: dict[str, Any] = dict(trailers_of(plan.message))
    return {
        "commit": commit,
        "branch": plan.branch,
        "parent": plan.parent,
        "subject": plan.message.splitlines()[0],
        "message": plan.message,
        "files": [{"status": status, "path": path} for status, path in files],
        "documents": [path for _, path in files if path.startswith("docs/ARCH-")],
        "trailers": [{"key": key, "value": value} for key, value in trailers.items()],
    }
