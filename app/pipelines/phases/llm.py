"""Phases of kind `llm`: render the prompt, ask the model, use the answer."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from app.artifacts.schemas.qa import check_consistent
from app.digests import digest
from app.errors import Invalid, WorkbenchError
from app.llm.caller import LLMCaller
from app.llm.errors import OutOfCredit
from app.llm.request import Accept, NotAccepted, Reply
from app.pipelines.code import CODE_ARTIFACT, CODE_SCHEMA, files_of, merge
from app.pipelines.edited import Shown
from app.pipelines.permits import permitted_paths
from app.pipelines.phases.consent import announce
from app.pipelines.phases.kind import JSON, Ask, Draft, PhaseContext, PhaseResult, Waiting
from app.pipelines.phases.repository import repository_of
from app.pipelines.phases.request import question_of
from app.pipelines.phases.shown import resolved, shown_of
from app.rendering.renderer import Renderer
from app.tables import Decision, Outcome, WaitReason
from app.usage.budget import BudgetExceeded
from app.workspace import declared
from app.workspace.control import control_reason
from app.workspace.files import UnsafePath, latest
from app.workspace.paths import fold
from app.workspace.workspace import apply_files, check_answer, rebuild, workspace_folder

REVIEW_SCHEMA = "QADeliverable"


class LlmSettings(BaseModel):
    """What a question takes in `settings`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    instruction: str = Field("", max_length=10_000)
    """What this phase is to do, for a prompt that several phases share: its variable `instruction`."""


class LlmPhase:
    """One question to a model; its validated answer is the artifact."""

    def __init__(self, caller: LLMCaller, renderer: Renderer, state_dir: Path) -> None:
        self._caller = caller
        self._renderer = renderer
        self._state_dir = state_dir

    async def run(self, context: PhaseContext) -> PhaseResult:
        """Rejected when the answer says `passed: false`. Raises `LLMError` when there is no answer.

        An account without credit and a budget that is used up are waited for.
        """
        if context.reworks and context.spec.limits.cache:
            await self._caller.forget(context.pipeline_id, context.spec.name)
        reply = await self.ask(context, asyncio.Lock())
        detail = {"model": reply.model, "profile": reply.profile}
        if reply.reason is not None:
            detail["reason"] = reply.reason
        body = reply.data
        if context.spec.apply == "workspace":
            body = merge(context.artifacts.get(context.spec.artifact or ""), body)
        outcome = Outcome.REJECTED if body.get("passed") is False else Outcome.PASSED
        return PhaseResult(outcome, artifact=body, issues=_issues(context.spec.name, body), detail=detail)

    async def ask(self, context: PhaseContext, writing: asyncio.Lock) -> Reply:
        """One question; edits of files are whole files in its reply.

        Answers that come at the same time use the workspace one after the other. Raises `Waiting` for an
        account without credit and a budget that is used up.
        """
        question = await question_of(context, self._renderer, self._state_dir)
        request = question.request
        shown = await shown_of(context, question.baseline)
        accept = self._accept(context, shown)

        async def one_by_one(body: JSON) -> None:
            async with writing:
                await accept(body)

        try:
            reply = await self._caller.ask(replace(request, accept=one_by_one))
        except OutOfCredit as error:
            raise Waiting(_budget(context, request.profile.backend, error)) from error
        except BudgetExceeded as error:
            raise Waiting(_budget(context, error.details["name"], error)) from error
        if context.spec.apply != "workspace":
            return reply
        return replace(reply, data=await resolved(context, shown, reply.data))

    def check(self, draft: Draft) -> list[tuple[str, str]]:
        faults = [
            (field, "a phase of kind llm needs one")
            for field in ("role", "schema", "artifact", "route")
            if getattr(draft, field) is None
        ]
        faults += declared.faults(LlmSettings, draft.settings)
        if draft.apply and draft.schema not in (CODE_SCHEMA, "CodeDeliverable"):
            faults.append(("apply", f"only a {CODE_SCHEMA} has files to write"))
        if draft.apply and draft.artifact not in (CODE_ARTIFACT, None):
            faults.append(("artifact", f"files are tested and committed from the artifact {CODE_ARTIFACT!r}"))
        faults += [
            ("permits", f"{name!r} is no control file, so it needs no permission")
            for name in draft.permits
            if control_reason(fold(name)) is None
        ]
        return faults

    def _accept(self, context: PhaseContext, shown: Shown) -> Accept:
        if context.spec.apply == "workspace":

            async def accept(body: JSON) -> None:
                await self.write(context, await resolved(context, shown, body))

            return accept
        if context.spec.output and context.spec.output.name == REVIEW_SCHEMA:
            return lambda body: _check_review(context, body)
        return _nothing

    async def write(self, context: PhaseContext, body: JSON) -> None:
        """The files go to a fresh workspace, all or none; a refused path is told to the model.

        Raises `Waiting` first for what a person has to agree to.
        """
        if context.project is None or context.base_commit is None:
            raise Invalid("a phase that writes files needs a project", place=context.spec.name)
        repository = await repository_of(context.project)
        permitted = permitted_paths(context.project, [context.spec])
        folder = workspace_folder(self._state_dir, str(context.pipeline_id), context.fence)
        code = context.artifacts.get(context.spec.artifact or "")
        earlier = permitted_paths(context.project, context.snapshot.phases)
        await rebuild(repository, context.base_commit, folder, files_of(code), permitted=earlier)
        answer = (repository, context.base_commit, folder, files_of(body))
        protected = context.project.protected_paths
        try:
            await check_answer(*answer, protected=protected, permitted=permitted)
            if context.item is None:  # of a map a person looks at the whole, not at each item
                await announce(context, repository, latest([files_of(code), files_of(body)]))
            await apply_files(*answer, protected=protected, permitted=permitted)
        except UnsafePath as refused:
            await context.progress("path_refused", {"phase": context.spec.name, **refused.details})
            raise NotAccepted([f"{refused.code}: {refused.message}"]) from refused


async def _nothing(body: JSON) -> None:
    """Its schema was all that the answer had to meet."""


async def _check_review(context: PhaseContext, body: JSON) -> None:
    """A report that passes while tests fail is inconsistent."""
    faults = check_consistent(body, context.artifacts.get("test_results"))
    if faults:
        raise NotAccepted(faults)


def _issues(phase: str, body: JSON) -> tuple[dict[str, str], ...]:
    """What a review found, one line each, for the next round's prompt."""
    if body.get("passed") is not False:
        return ()
    return tuple(
        {
            "source": phase,
            "text": f"[{issue['severity']}] {issue['location']}: {issue['description']}",
        }
        for issue in body.get("issues", ())
    )


def _budget(context: PhaseContext, subject: str, error: WorkbenchError) -> Ask:
    """Somebody has to top the account up or raise the budget; each time anew. A day is over by itself."""
    before = [one for one in context.decisions if (one.reason, one.subject) == (WaitReason.BUDGET, subject)]
    return Ask(
        WaitReason.BUDGET,
        subject,
        len(before),
        details={**error.details, "code": error.code, "why": error.message},
        content_sha256=digest({"reason": WaitReason.BUDGET, "subject": subject, "round": len(before)}),
        wait_s=_until_tomorrow() if subject.startswith("day:") else None,
        default=Decision.GRANTED,
    )


def _until_tomorrow() -> float:
    """Seconds until the next day (UTC) has a budget of its own, and one for clocks that differ."""
    now = datetime.now(UTC)
    midnight = datetime.combine(now.date() + timedelta(days=1), time.min, UTC)
    return (midnight - now).total_seconds() + 1
