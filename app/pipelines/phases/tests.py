"""Phases of kind `tests`: the project's test command in the sandbox; JUnit gives the verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from pathlib import Path

from app.errors import Invalid
from app.pipelines.code import files_of
from app.pipelines.phases.kind import Draft, PhaseContext, PhaseResult, ProjectSpec
from app.pipelines.phases.repository import repository_of
from app.tables import Outcome
from app.workspace.sandbox.execution import Command, Execution, SandboxUnavailable
from app.workspace.sandbox.limits import Limits
from app.workspace.sandbox.sandbox import Sandbox
from app.workspace.sandbox.unsandboxed import NotTheDemo, run_unsandboxed
from app.workspace.sandbox.verdict import Verdict, judge
from app.workspace.workspace import rebuild, workspace_folder

OUTCOMES = {"passed": Outcome.PASSED, "failed": Outcome.REJECTED, "suspect": Outcome.SUSPECT}


class TestsPhase:
    """Rebuilds the workspace and tests it; what the tests write is thrown away."""

    __test__ = False  # its name would make pytest collect it

    def __init__(
        self,
        sandbox: Sandbox,
        state_dir: Path,
        python: Path,
        demo_digests: Mapping[str, Collection[str]],
    ) -> None:
        self._sandbox = sandbox
        self._state_dir = state_dir
        self._python = python
        self._demo_digests = demo_digests

    async def run(self, context: PhaseContext) -> PhaseResult:
        """Rejected with the failing tests' names and messages. Raises `SandboxUnavailable`."""
        if context.project is None or context.base_commit is None:
            raise Invalid("a phase of kind tests needs a project", place=context.spec.name)
        repository = await repository_of(context.project)
        folder = workspace_folder(self._state_dir, str(context.pipeline_id), context.fence)
        await rebuild(
            repository,
            context.base_commit,
            folder,
            files_of(context.artifacts.get("code")),
            protected=context.project.protected_paths,
            permitted=frozenset(context.project.permitted_paths),
        )
        execution = await self._execute(folder, context)
        verdict = await asyncio.to_thread(judge, execution)
        return PhaseResult(
            OUTCOMES[verdict.outcome],
            artifact=verdict.as_json(),
            issues=_issues(verdict),
            detail={"unsandboxed": execution.unsandboxed},
        )

    def check(self, draft: Draft) -> list[tuple[str, str]]:
        return [
            (field, "a phase of kind tests needs one")
            for field in ("artifact", "schema")
            if getattr(draft, field) is None
        ]

    async def _execute(self, folder: Path, context: PhaseContext) -> Execution:
        limits = Limits(wall_s=context.spec.limits.wall_s)
        command = self._command(context.project) if context.project else Command(())
        try:
            return await self._sandbox.run(folder, command, limits)
        except SandboxUnavailable as missing:
            try:
                return await run_unsandboxed(folder, command, limits, self._demo_digests)
            except NotTheDemo:
                raise missing from None

    def _command(self, project: ProjectSpec) -> Command:
        return Command(project.test_command, python=Path(project.python) if project.python else self._python)


def _issues(verdict: Verdict) -> tuple[dict[str, str], ...]:
    if verdict.outcome == "passed":
        return ()
    found = tuple({"source": "test", "text": f"{test.name}: {test.message}"} for test in verdict.failing)
    return found or ({"source": "test", "text": f"{verdict.reason}\n{verdict.output_tail[-1500:]}"},)
