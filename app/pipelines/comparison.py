"""Finished and running runs side by side: what each phase took, how often it was sent back, what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Invalid
from app.pipelines import store
from app.tables import Outcome, PhaseRun, Pipeline
from app.usage import reports
from app.usage.reports import Bill

MOST = 20
SENT_BACK = (Outcome.REJECTED, Outcome.SUSPECT)
ISSUES = 5
"""More of one phase are counted, not told."""


@dataclass(frozen=True)
class PhaseFigures:
    """One phase of one run, over all its rounds."""

    name: str
    kind: str
    outcomes: tuple[str, ...]
    """In order; the last is how it stands."""
    issues: tuple[str, ...]
    """What it found when it sent the work back, the first ones."""
    bill: Bill | None
    """None: it asked no model."""

    @property
    def sent_back(self) -> int:
        return sum(outcome in SENT_BACK for outcome in self.outcomes)


@dataclass(frozen=True)
class RunFigures:
    """One run beside others."""

    run: Pipeline
    phases: tuple[PhaseFigures, ...]
    total: Bill

    @property
    def seconds(self) -> float:
        return ((self.run.finished_at or self.run.updated_at) - self.run.created_at).total_seconds()

    @property
    def at_once(self) -> int:
        """Phases that passed and never sent anything back."""
        return sum(phase.outcomes[-1] == Outcome.PASSED and not phase.sent_back for phase in self.phases)

    def as_json(self) -> dict[str, Any]:
        return {
            "id": str(self.run.id),
            "definition": self.run.definition,
            "epic_description": self.run.epic_description,
            "state": self.run.state,
            "error": self.run.error,
            "reworks": self.run.round,
            "seconds": self.seconds,
            **_amounts(self.total),
            "phases": [
                {
                    "phase": phase.name,
                    "kind": phase.kind,
                    "outcomes": list(phase.outcomes),
                    "sent_back": phase.sent_back,
                    "issues": list(phase.issues),
                    **(_amounts(phase.bill) if phase.bill else {}),
                }
                for phase in self.phases
            ],
        }


async def figures_of(session: AsyncSession, ids: Sequence[UUID]) -> list[RunFigures]:
    """In the order of `ids`. Raises `NotFound`, `Invalid` for fewer than two runs or one given twice."""
    if not 2 <= len(ids) <= MOST:
        raise Invalid(f"{len(ids)} runs; 2 to {MOST} can be compared", place="run")
    if len(set(ids)) != len(ids):
        raise Invalid("a run is given twice", place="run")
    return [await _figures(session, run_id) for run_id in ids]


async def _figures(session: AsyncSession, run_id: UUID) -> RunFigures:
    run = await store.get(session, run_id)
    rows = await store.phase_runs(session, run_id)
    bills = {bill.label: bill for bill in await reports.by_phase(session, run_id)}
    names = dict.fromkeys(row.phase for row in rows)
    phases = [_phase([row for row in rows if row.phase == name], bills.get(name)) for name in names]
    return RunFigures(run, tuple(phases), await reports.total(session, run_id))


def _phase(rows: Sequence[PhaseRun], bill: Bill | None) -> PhaseFigures:
    found = [issue["text"] for row in rows for issue in (row.detail or {}).get("issues", ())]
    outcomes = tuple(str(row.outcome) for row in rows)
    return PhaseFigures(rows[0].phase, rows[0].kind, outcomes, tuple(found[:ISSUES]), bill)


def _amounts(bill: Bill) -> dict[str, Any]:
    return {
        "calls": bill.calls,
        "input_tokens": bill.tokens.total_input,
        "output_tokens": bill.tokens.output,
        "cost_usd": str(bill.cost_usd),
        "unpriced_calls": bill.unpriced,
    }
