"""What people do with batches: create, pause, resume, cancel, retry the dead letters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Database
from app.errors import Conflict, Invalid
from app.pipelines import creation
from app.pipelines.batches import stacking, store
from app.pipelines.batches.account import Account, account
from app.pipelines.batches.feeder import Feeder
from app.pipelines.batches.stacking import Terms
from app.pipelines.batches.states import check_move, end_if_done
from app.pipelines.service import PipelineService
from app.pipelines.snapshot import PolicyDraft
from app.tables import Batch, BatchState, ItemState
from app.usage.budget import Defaults

CONCURRENCY = 8
MAX_CONCURRENCY = 1_000
ATTEMPTS = 3
MAX_ATTEMPTS = 20


@dataclass(frozen=True)
class BatchTerms:
    """How a batch is worked on. None: the default of the service."""

    definition: str | None = None
    project: str | None = None
    profile: str | None = None
    policy: PolicyDraft | None = None
    concurrency: int = CONCURRENCY
    """Items that run at once, at most."""
    max_attempts: int = ATTEMPTS
    """Runs of one item, at most."""


class BatchService:
    """The one way to change a batch from outside a worker."""

    def __init__(
        self,
        database: Database,
        pipelines: PipelineService,
        defaults: Defaults = Defaults(),  # noqa: B008 - it is frozen
    ) -> None:
        self._database = database
        self._pipelines = pipelines
        self._feeder = Feeder(database, pipelines, defaults=defaults)

    async def create(self, inputs: Iterator[str], terms: BatchTerms, stack: Terms | None = None) -> Batch:
        """Pin the definition and the repository as they are now, and store every input or none.

        With `stack` it is an improvement: its items run one after the other, each on the commit of the last.
        Raises what pinning raises, `Invalid` and `TooLarge` with the place of an input.
        """
        _check(terms)
        pinned = await self._pipelines.pin(terms.definition, terms.project, terms.profile, terms.policy)
        async with self._database.transaction() as session:  # nobody who pins the same waits for the inputs
            await creation.keep(session, pinned.snapshot)
        async with self._database.transaction() as session:
            batch = Batch(
                definition=pinned.snapshot.definition,
                snapshot=pinned.snapshot.sha256,
                project_id=pinned.project_id,
                base_commit=pinned.base_commit,
                concurrency=terms.concurrency if stack is None else 1,
                max_attempts=terms.max_attempts,
            )
            session.add(batch)
            await session.flush()
            if stack is not None:
                session.add(stack.row(batch.id))
            batch.total = batch.pending = await store.add_items(session, batch.id, inputs)
        return await self._fed(batch.id)

    async def pause(self, batch_id: UUID) -> Batch:
        """Start no more items; what runs goes on to its end."""
        async with self._database.transaction() as session:
            await _move(session, batch_id, BatchState.PAUSED)
        return await self._fed(batch_id)

    async def resume(self, batch_id: UUID) -> Batch:
        """Go on with a paused batch."""
        async with self._database.transaction() as session:
            batch = await store.get(session, batch_id, lock=True)
            if batch.state == BatchState.FINISHED:
                raise Conflict("the batch has finished; its dead letters can be retried", state=batch.state)
            check_move(batch, BatchState.OPEN)
            batch.state = BatchState.OPEN
        return await self._fed(batch_id)

    async def cancel(self, batch_id: UUID) -> Batch:
        """End the batch: pending items are cancelled, running ones are asked to stop."""
        async with self._database.transaction() as session:
            batch = await store.get(session, batch_id, lock=True)
            check_move(batch, BatchState.CANCELLED)
            await store.end_pending(session, batch, ItemState.CANCELLED)
            batch.state = BatchState.CANCELLED
            end_if_done(batch)
        await self._feeder.feed(batch_id)  # asks the runs to stop
        return await self._fed(batch_id)  # settles those that no worker held

    async def retry(self, batch_id: UUID) -> Batch:
        """Try the dead letters again, each as if it were new. A finished batch is open again."""
        async with self._database.transaction() as session:
            batch = await store.get(session, batch_id, lock=True)
            if batch.state == BatchState.CANCELLED:
                raise Conflict("the batch was cancelled; make a new one of its inputs", state=batch.state)
            if not batch.dead:
                raise Conflict("the batch has no dead letters", state=batch.state)
            store.check_items(batch)
            await store.revive_dead(session, batch)
            if batch.state == BatchState.FINISHED:
                batch.state = BatchState.OPEN
                batch.finished_at = None
            if (improvement := await stacking.of(session, batch)) is not None:
                improvement.stopped = None
        return await self._fed(batch_id)

    async def get(self, batch_id: UUID) -> Batch:
        """Raises `NotFound`."""
        async with self._database.transaction() as session:
            return await store.get(session, batch_id)

    async def account(self, batch: Batch) -> Account:
        """Rate, time to the end and bill of the batch. Sums over all of its calls: not for every tick."""
        async with self._database.transaction() as session:
            return await account(session, batch)

    async def _fed(self, batch_id: UUID) -> Batch:
        """The batch after what can be done at once was done."""
        await self._feeder.feed(batch_id)
        return await self.get(batch_id)


async def _move(session: AsyncSession, batch_id: UUID, to: BatchState) -> None:
    batch = await store.get(session, batch_id, lock=True)
    check_move(batch, to)
    batch.state = to


def _check(terms: BatchTerms) -> None:
    if not 1 <= terms.concurrency <= MAX_CONCURRENCY:
        raise Invalid(f"concurrency is 1 to {MAX_CONCURRENCY:,}", place="concurrency")
    if not 1 <= terms.max_attempts <= MAX_ATTEMPTS:
        raise Invalid(f"max_attempts is 1 to {MAX_ATTEMPTS}", place="max_attempts")
