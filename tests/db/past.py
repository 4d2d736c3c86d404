"""Runs of the past, put into the tables as an orchestrator would have left them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Database
from app.digests import digest
from app.tables import (
    Artifact,
    CommitIntent,
    DefinitionSnapshot,
    Event,
    ModelAnswer,
    Outcome,
    PhaseRun,
    Pipeline,
    PromptUsage,
    State,
    Wait,
)

SNAPSHOT = "0" * 64
FINISHED = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})
COUNTED = (Event, Artifact, ModelAnswer, PhaseRun, PromptUsage, CommitIntent, Wait, Pipeline)


@dataclass(frozen=True)
class Past:
    """Adds runs; two versions of one artifact, one answer, one ledger row and a wait belong to each."""

    database: Database

    async def run(
        self, state: State = State.SUCCEEDED, *, days_ago: float = 0, events: int = 3, rows: bool = True
    ) -> Pipeline:
        """A run in this state, last changed so long ago; without `rows` only its own."""
        async with self.database.transaction() as session:
            await session.execute(
                insert(DefinitionSnapshot).values(sha256=SNAPSHOT, body={}).on_conflict_do_nothing()
            )
            run = _pipeline(state, days_ago, events)
            session.add(run)
            await session.flush()
            if rows:
                await _add_rows(session, run.id, events)
        return run

    async def count(self, table: type[object], run: Pipeline) -> int:
        column = table.id if table is Pipeline else table.pipeline_id  # type: ignore[attr-defined]
        async with self.database.transaction() as session:
            return (await session.execute(select(func.count()).where(column == run.id))).scalar_one()

    async def counts(self, run: Pipeline) -> dict[str, int]:
        """Table → how many rows the run has there."""
        return {table.__name__: await self.count(table, run) for table in COUNTED}

    async def again(self, run: Pipeline) -> Pipeline:
        """The run as it is now."""
        async with self.database.transaction() as session:
            return (await session.scalars(select(Pipeline).where(Pipeline.id == run.id))).one()


def _pipeline(state: State, days_ago: float, events: int) -> Pipeline:
    at = datetime.now(UTC) - timedelta(days=days_ago)
    run = Pipeline(
        epic_description="An epic",
        definition="small",
        snapshot=SNAPSHOT,
        state=state,
        event_count=events,
        error={"code": "x", "message": "y"} if state == State.FAILED else None,
        created_at=at,
        updated_at=at,
        finished_at=at if state in FINISHED else None,
    )
    if state == State.RUNNING:
        run.worker, run.lease_expires_at = "w", at
    return run


async def _add_rows(session: AsyncSession, run: UUID, events: int) -> None:
    session.add_all(Event(pipeline_id=run, seq=n, kind="noted", data={}) for n in range(1, events + 1))
    phases = [
        PhaseRun(
            pipeline_id=run, phase="a", kind="llm", round=n, attempt=0, fence=1,
            outcome=Outcome.PASSED, ended_at=datetime.now(UTC),
        )
        for n in range(2)
    ]  # fmt: skip
    session.add_all(phases)
    usage = _usage(run)
    session.add(usage)
    session.add(CommitIntent(pipeline_id=run, branch="b", parent="p", message="m", files=[]))
    session.add(Wait(pipeline_id=run, reason="event", subject="s", phase="a", round=0))
    await session.flush()
    session.add_all(
        artifact(run, n + 1, phase_run_id=phase.id, current=n == 1) for n, phase in enumerate(phases)
    )
    session.add(
        ModelAnswer(
            usage_id=usage.id, pipeline_id=run, phase="a", item="", round=0, step=0,
            request_digest=SNAPSHOT, answer={"text": "{}"},
        )
    )  # fmt: skip


def artifact(run: UUID, version: int, *, current: bool, **origin: object) -> Artifact:
    body = {"version": version}
    return Artifact(
        pipeline_id=run, name="thing", version=version, current=current, schema="row:thing",
        schema_digest=SNAPSHOT, content_digest=digest(body), body=body, **origin,
    )  # fmt: skip


def _usage(run: UUID) -> PromptUsage:
    return PromptUsage(
        pipeline_id=run, phase="a", item="", round=0, step=0, backend="recorded", profile="p", model="m",
        role="pm", prompt_digest=SNAPSHOT, request_digest=SNAPSHOT, reserved_tokens=1, price_version="1",
        input_tokens=7, output_tokens=5, cost_usd="0.25", outcome="ok", settled_at=datetime.now(UTC),
    )  # fmt: skip
