"""Where the commit of a run lands: on the commit that it began with, or on its base branch as that is now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.errors import NotFound
from app.pipelines.code import files_of
from app.pipelines.permits import permitted_paths
from app.pipelines.phases.asking import asking, granted, told_by
from app.pipelines.phases.kind import PhaseContext, PhaseResult
from app.pipelines.project import ProjectSpec
from app.pipelines.snapshot import PhaseSpec
from app.pipelines.testing import TestBench, Tested, TestJob
from app.tables import MovedBase, Outcome
from app.workspace.changes import describe_moves
from app.workspace.files import SourceFile
from app.workspace.merge import Clash, Merge, merge_files
from app.workspace.repository import Repository, head_commit, is_ancestor
from app.workspace.workspace import workspace_folder

MOVES = 3
"""So often a base that moves again while the tests run is followed; then the last one tested counts."""
SHOWN = 6_000
"""Characters of what changed on the base that the developer is told."""


@dataclass(frozen=True)
class Landing:
    """What is committed, and on what."""

    parent: str
    files: tuple[SourceFile, ...]


class Lander:
    """Merges and tests anew where the project says so. Nothing of the person's is written."""

    def __init__(self, bench: TestBench, state_dir: Path) -> None:
        self._bench = bench
        self._state_dir = state_dir

    async def land(
        self, context: PhaseContext, project: ProjectSpec, repository: Repository, base: str
    ) -> Landing | PhaseResult:
        """A result is a rejection: the change clashes with the moved base, or fails its tests there."""
        landing = Landing(base, files_of(context.artifacts.get("code")))
        if project.on_moved_base is not MovedBase.MERGE:
            return landing
        change = landing.files
        for _ in range(MOVES):
            now = await _moved_to(repository, project, base)
            if now in (None, landing.parent):
                return landing
            merge = await merge_files(repository, base, now, change)
            if merge.clashes:
                return await _clash(context, repository, base, now, merge.clashes)
            if not merge.files:
                return Landing(now, ())
            with asking(context):
                tested = await self._bench.test(self._job(context, project, repository, now, merge))
            await context.progress("base_moved", _told(base, now, merge, tested))
            if tested.verdict.outcome != "passed":
                return await _failing(repository, base, now, merge, tested)
            landing = Landing(now, merge.files)
        return landing

    def _job(
        self, context: PhaseContext, project: ProjectSpec, repository: Repository, now: str, merge: Merge
    ) -> TestJob:
        """With the gates of all the phases that tested the change before."""
        tests = _tests(context)
        return TestJob(
            repository=repository,
            base_commit=now,
            files=merge.files,
            folder=workspace_folder(self._state_dir, str(context.pipeline_id), context.fence),
            project=project,
            wall_s=max(phase.limits.wall_s for phase in tests),
            gates=tuple(gate.spec() for phase in tests for gate in phase.gates),
            permitted=permitted_paths(project, context.snapshot.phases),
            permissions=granted(context),
            baseline=all(phase.limits.baseline for phase in tests),
            control=all(phase.limits.control for phase in tests),
            progress=told_by(context),
        )


def _tests(context: PhaseContext) -> Sequence[PhaseSpec]:
    """A definition with a commit has at least one, before it."""
    here = context.snapshot.index(context.spec.name)
    return [phase for phase in context.snapshot.phases[:here] if phase.kind == "tests"]


async def _moved_to(repository: Repository, project: ProjectSpec, base: str) -> str | None:
    """None: the branch is gone, or goes on from something else, so the change has no place there."""
    try:
        now = await head_commit(repository, project.base_branch)
    except NotFound:
        return None
    return now if await is_ancestor(repository, base, now) else None


async def _clash(
    context: PhaseContext, repository: Repository, base: str, now: str, clashes: Sequence[Clash]
) -> PhaseResult:
    await context.progress("base_moved", {"from": base, "to": now, "clashes": [one.path for one in clashes]})
    found = [
        {"source": "merge", "text": f"{one.path}: {one.why} (in {now[:12]}, where the base branch is now)"}
        for one in clashes
    ]
    return PhaseResult(
        Outcome.REJECTED,
        issues=(*found, await _what_moved(repository, base, now, [one.path for one in clashes])),
    )


async def _failing(repository: Repository, base: str, now: str, merge: Merge, tested: Tested) -> PhaseResult:
    outcome = Outcome.SUSPECT if tested.verdict.outcome == "suspect" else Outcome.REJECTED
    moved = await _what_moved(repository, base, now, [file.path for file in merge.files])
    return PhaseResult(outcome, issues=(*tested.issues(), moved), detail={"unsandboxed": tested.unsandboxed})


async def _what_moved(repository: Repository, base: str, now: str, paths: Sequence[str]) -> dict[str, str]:
    diff = await describe_moves(repository, base, now, paths)
    said = "Write files that keep what the base branch changed in them meanwhile:" if diff else ""
    text = f"The change has to fit {now[:12]}, not only {base[:12]}. {said}\n{diff[:SHOWN]}"
    return {"source": "base", "text": text.strip()}


def _told(base: str, now: str, merge: Merge, tested: Tested) -> dict[str, object]:
    return {
        "from": base,
        "to": now,
        "merged": list(merge.merged),
        "tests": tested.verdict.outcome,
        "reason": tested.verdict.reason,
    }
