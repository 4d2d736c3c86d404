"""A run as the command line shows it: its row, its phase runs, what they made and what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from app.artifacts import store as artifacts
from app.cli.waiting import wait_json
from app.pipelines import projects, pushing, store, waits
from app.pipelines.snapshot import PhaseSpec, Snapshot
from app.services import Services
from app.tables import Decision, Outcome, PhaseRun, Pipeline, Project, PromptUsage, Push, State, Wait
from app.usage import reports
from app.usage.reports import Bill
from app.usage.tokens import Tokens
from app.workspace.workspace import workspace_folder

SENT_BACK = (Outcome.REJECTED, Outcome.SUSPECT)


@dataclass(frozen=True)
class PhaseView:
    """One phase run with what it made and asked."""

    row: PhaseRun
    spec: PhaseSpec
    made: Any
    """Body of its artifact; None: it made none."""
    calls: tuple[PromptUsage, ...]

    @property
    def issues(self) -> list[Mapping[str, str]]:
        return list((self.row.detail or {}).get("issues", ()))

    @property
    def seconds(self) -> float | None:
        return (self.row.ended_at - self.row.started_at).total_seconds() if self.row.ended_at else None

    @property
    def unsandboxed(self) -> bool:
        return bool((self.row.detail or {}).get("unsandboxed"))

    @property
    def tokens(self) -> Tokens:
        total = Tokens()
        for call in self.calls:
            total += Tokens(
                call.input_tokens or 0,
                call.cache_read_tokens or 0,
                call.cache_write_tokens or 0,
                call.output_tokens or 0,
                call.thinking_tokens or 0,
            )
        return total


@dataclass(frozen=True)
class RunView:
    run: Pipeline
    project: Project | None
    snapshot: Snapshot
    phases: tuple[PhaseView, ...]
    artifacts: Mapping[str, Any]
    """Name → body of the current version."""
    bills: tuple[Bill, ...]
    total: Bill
    workspace: Path
    """Where its files are; the folder need not exist."""
    waits: tuple[Wait, ...]
    """All that it asked for, oldest first."""
    push: Push | None
    """Where its commit was sent; None: nowhere."""

    @property
    def open_wait(self) -> Wait | None:
        """What it waits for now."""
        return next((wait for wait in self.waits if wait.decision == Decision.OPEN), None)

    @property
    def backends(self) -> frozenset[str]:
        """What answered the calls of this run."""
        return frozenset(call.backend for phase in self.phases for call in phase.calls)

    @property
    def recorded(self) -> bool:
        return self.backends == {"recorded"}

    @property
    def seconds(self) -> float:
        end = self.run.finished_at or self.run.updated_at
        return (end - self.run.created_at).total_seconds()

    @property
    def commit(self) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = self.artifacts.get("commit")
        return found

    def was_sent_back(self, phase: PhaseView) -> bool:
        """Whether its rejection led to a rework; False when it ended the run."""
        last = phase is self.phases[-1]
        return phase.row.outcome in SENT_BACK and not (last and self.run.state == State.FAILED)


async def read(services: Services, pipeline_id: UUID) -> RunView:
    """The run as it is now. Raises `NotFound`."""
    async with services.database.transaction() as session:
        run = await store.get(session, pipeline_id)
        # before the artifacts: what is shown is never older than the content that it is shown for
        asked_for = await waits.of_run(session, pipeline_id)
        snapshot = await store.snapshot(session, run.snapshot)
        rows = await store.phase_runs(session, pipeline_id)
        made = {row.phase_run_id: row.body for row in await artifacts.every(session, pipeline_id)}
        calls = await reports.calls(session, pipeline_id)
        return RunView(
            run=run,
            project=next((p for p in await projects.every(session) if p.id == run.project_id), None),
            snapshot=snapshot,
            phases=tuple(
                PhaseView(
                    row=row,
                    spec=snapshot.phases[snapshot.index(row.phase)],
                    made=made.get(row.id),
                    calls=tuple(call for call in calls if call.phase_run_id == row.id),
                )
                for row in rows
            ),
            artifacts=await artifacts.current(session, pipeline_id),
            bills=tuple(await reports.by_phase(session, pipeline_id)),
            total=await reports.total(session, pipeline_id),
            workspace=workspace_folder(services.settings.state_dir, str(run.id), run.fence),
            waits=tuple(asked_for),
            push=(await pushing.of_runs(session, [pipeline_id])).get(pipeline_id),
        )


def as_json(view: RunView) -> dict[str, Any]:
    """Everything but the texts of the artifacts."""
    run = view.run
    return {
        **row_json(run),
        "project": view.project.name if view.project else None,
        "repository": view.project.path if view.project else None,
        "base_commit": run.base_commit,
        "pruned_at": run.pruned_at.isoformat() if run.pruned_at else None,
        "recorded": view.recorded,
        "unsandboxed": any(phase.unsandboxed for phase in view.phases),
        "phases": [_phase_json(phase) for phase in view.phases],
        "artifacts": list(view.artifacts),
        "commit": view.commit,
        "push": view.push.state if view.push else None,
        "discarded_at": run.discarded_at.isoformat() if run.discarded_at else None,
        "waits": [wait_json(wait) for wait in view.waits],
        "usage": {"phases": [bill_json(bill) for bill in view.bills], "total": bill_json(view.total)},
    }


def row_json(run: Pipeline) -> dict[str, Any]:
    """The run alone."""
    return {
        "id": str(run.id),
        "state": run.state,
        "reason": run.reason,
        "asked": run.asked,
        "definition": run.definition,
        "epic_description": run.epic_description,
        "retry_of": str(run.retry_of) if run.retry_of else None,
        "created_at": run.created_at.isoformat(),
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
        "error": run.error,
    }


def head(run: Pipeline) -> str:
    """The head of the id; every command takes it."""
    return str(run.id)[:8]


def bill_json(bill: Bill) -> dict[str, Any]:
    return {
        "label": bill.label,
        "calls": bill.calls,
        "input_tokens": bill.tokens.total_input,
        "output_tokens": bill.tokens.output,
        "cost_usd": str(bill.cost_usd.quantize(Decimal("0.000001"))),
        "unpriced_calls": bill.unpriced,
        "open_calls": bill.open,
    }


def _phase_json(phase: PhaseView) -> dict[str, Any]:
    row = phase.row
    detail = row.detail or {}
    return {
        "phase": row.phase,
        "round": row.round,
        "try": row.attempt,
        "outcome": row.outcome,
        "seconds": phase.seconds,
        "issues": [dict(issue) for issue in phase.issues],
        "code": detail.get("code"),
        "message": detail.get("message"),
        "calls": len(phase.calls),
        "input_tokens": phase.tokens.total_input,
        "output_tokens": phase.tokens.output,
    }
