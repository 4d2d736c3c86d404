"""Phases of kind `approval`: a person decides about exactly what the run would go on with."""

from __future__ import annotations

from typing import Any

from app.digests import digest
from app.errors import Conflict
from app.pipelines.code import files_of
from app.pipelines.phases.kind import Ask, Decided, Draft, PhaseContext, PhaseResult, Waiting
from app.pipelines.phases.repository import repository_of
from app.tables import Decision, Outcome, WaitReason
from app.workspace import declared
from app.workspace.changes import describe_changes
from app.workspace.declared import NoSettings

DIFF_CHARS = 200_000
"""More than this is not stored with the wait; its digest is over all of it."""


class ApprovalPhase:
    """Waits for a decision; refused is a rejection like any other, with the comment as its issue."""

    async def run(self, context: PhaseContext) -> PhaseResult:
        """Raises `Waiting` until it is decided, `Conflict` when something else was decided about."""
        diff = await _diff(context)
        content = _content(context, diff)
        decided = context.decided(WaitReason.APPROVAL, context.spec.name, context.round)
        if decided is None:
            raise Waiting(_ask(context, content, diff))
        if decided.content_sha256 != digest(content):
            raise Conflict("what was approved is not what the run would go on with now")
        return _result(context.spec.name, decided)

    def check(self, draft: Draft) -> list[tuple[str, str]]:
        return declared.faults(NoSettings, draft.settings) + [
            (field, "a phase of kind approval has none")
            for field in ("role", "artifact", "schema", "route", "apply")
            if getattr(draft, field) is not None
        ]


def _ask(context: PhaseContext, content: dict[str, Any], diff: str) -> Ask:
    limits = context.spec.limits
    shown = {"diff": diff[:DIFF_CHARS], "diff_is_cut": len(diff) > DIFF_CHARS}
    return Ask(
        WaitReason.APPROVAL,
        context.spec.name,
        context.round,
        details={**content, **shown},
        content_sha256=digest(content),
        wait_s=limits.wait_s,
        default=Decision.GRANTED if limits.on_deadline == "grant" else Decision.REFUSED,
    )


def _content(context: PhaseContext, diff: str) -> dict[str, Any]:
    """All that the phases after this one work from."""
    return {
        "snapshot": context.snapshot.sha256,
        "artifacts": {name: digest(body) for name, body in sorted(context.artifacts.items())},
        "base_commit": context.base_commit,
        "diff_sha256": digest(diff),
    }


async def _diff(context: PhaseContext) -> str:
    """What the run changes in the repository so far."""
    files = files_of(context.artifacts.get("code"))
    if context.project is None or context.base_commit is None or not files:
        return ""
    repository = await repository_of(context.project)
    return await describe_changes(repository, context.base_commit, files)


def _result(phase: str, decided: Decided) -> PhaseResult:
    detail = {"by": decided.by, "comment": decided.comment}
    if decided.granted:
        return PhaseResult(Outcome.PASSED, detail=detail)
    text = f"{decided.by} said no" + (f": {decided.comment}" if decided.comment else "")
    return PhaseResult(Outcome.REJECTED, issues=({"source": phase, "text": text},), detail=detail)
