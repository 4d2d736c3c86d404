"""Phases of kind `tests`: the gates, then the project's test command in the sandbox."""

from __future__ import annotations

from pathlib import Path

from app.db import Database
from app.errors import Invalid
from app.pipelines import files
from app.pipelines.code import files_of
from app.pipelines.leases import Lease
from app.pipelines.permits import permitted_paths
from app.pipelines.phases.asking import asking, granted, told_by
from app.pipelines.phases.kind import JSON, Draft, PhaseContext, PhaseResult
from app.pipelines.phases.repository import repository_of
from app.pipelines.testing import TestBench, TestJob
from app.tables import Outcome
from app.workspace import declared
from app.workspace.declared import NoSettings
from app.workspace.workspace import workspace_folder

OUTCOMES = {"passed": Outcome.PASSED, "failed": Outcome.REJECTED, "suspect": Outcome.SUSPECT}


class TestsPhase:
    """The verdict of the bench is how the phase ends."""

    __test__ = False  # its name would make pytest collect it

    def __init__(self, bench: TestBench, state_dir: Path, database: Database) -> None:
        self._bench = bench
        self._database = database
        self._state_dir = state_dir

    async def run(self, context: PhaseContext) -> PhaseResult:
        """Rejected with what failed, by name and message; failed where a gate could not be asked.

        Raises `SandboxUnavailable`.
        """
        if context.project is None or context.base_commit is None:
            raise Invalid("a phase of kind tests needs a project", place=context.spec.name)
        job = TestJob(
            repository=await repository_of(context.project),
            base_commit=context.base_commit,
            files=files_of(context.artifacts.get("code")),
            folder=workspace_folder(self._state_dir, str(context.pipeline_id), context.fence),
            project=context.project,
            wall_s=context.spec.limits.wall_s,
            gates=tuple(gate.spec() for gate in context.spec.gates),
            permitted=permitted_paths(context.project, context.snapshot.phases),
            permissions=granted(context),
            baseline=context.spec.limits.baseline,
            control=context.spec.limits.control,
            progress=told_by(context),
        )
        with asking(context):
            tested = await self._bench.test(job)
        attached = [one for gate in tested.gates for one in gate.attachments]
        kept = await files.keep(self._database, Lease(context.pipeline_id, context.fence), attached)
        detail: dict[str, JSON] = {"unsandboxed": tested.unsandboxed}
        outcome = OUTCOMES[tested.verdict.outcome]
        if missing := tested.missing():  # no rework, however often it is paid, puts a compiler on the host
            outcome = Outcome.FAILED
            detail |= {"code": "gate_missing", "message": missing}
        return PhaseResult(outcome, artifact=tested.as_json(kept), issues=tested.issues(), detail=detail)

    def check(self, draft: Draft) -> list[tuple[str, str]]:
        return declared.faults(NoSettings, draft.settings) + [
            (field, "a phase of kind tests needs one")
            for field in ("artifact", "schema")
            if getattr(draft, field) is None
        ]
