"""`Sender`: writes down what it is about to send, sends it, and writes down what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, assert_never

from app.db import Database
from app.digests import canonical, digest
from app.errors import Conflict
from app.pipelines import leases
from app.pipelines.deliveries import store
from app.pipelines.deliveries.adapter import Adapter, Answer, DeliveryFailed, Message
from app.pipelines.deliveries.command import CommandAdapter
from app.pipelines.deliveries.destination import CommandDestination, HttpDestination
from app.pipelines.deliveries.http import HttpAdapter
from app.pipelines.leases import Lease
from app.tables import Asked, Delivery, DeliveryState

EXCERPT_CHARS = 2000
PAUSES_S = (1.0, 4.0)
"""Before the second and the third attempt, when the same thing may work a little later."""


@dataclass(frozen=True)
class Parcel:
    """One thing that one phase of one run sends."""

    lease: Lease
    phase: str
    round: int
    destination: str
    artifact: str
    """Name of the artifact that is the payload."""
    payload: Any

    @property
    def payload_digest(self) -> str:
        return digest(self.payload)

    @property
    def key(self) -> str:
        """The same for every attempt, on every worker."""
        return digest([str(self.lease.pipeline_id), self.phase, self.round, self.payload_digest])


@dataclass(frozen=True)
class Sent:
    """How a delivery ended."""

    key: str
    state: DeliveryState
    adapter: str
    target: str
    attempts: int
    answer: Answer | None


class Sender:
    """At least once on the wire, always with the same key; what has arrived is not sent again."""

    def __init__(
        self, database: Database, environment: Mapping[str, str], pauses_s: Sequence[float] = PAUSES_S
    ) -> None:
        self._database = database
        self._environment = environment
        self._pauses_s = pauses_s

    async def deliver(self, parcel: Parcel) -> Sent:
        """Raises `DeliveryFailed`, `NotFound` for a destination that is gone, `StaleFence`."""
        for pause in (*self._pauses_s, None):
            intent, destination = await self._intend(parcel)
            adapter = self._adapter(destination)
            if intent.state == DeliveryState.SENT:
                return _sent(intent, destination, adapter)
            if destination.dry_run:
                await self._mark(parcel, DeliveryState.DRY_RUN, None)
                return replace(_sent(intent, destination, adapter), state=DeliveryState.DRY_RUN)
            try:
                answer = _short(await adapter.send(_message(parcel)))
            except DeliveryFailed as error:
                said = _short(error.answer) or Answer(0, error.message)
                await self._mark(parcel, DeliveryState.FAILED, said)
                if pause is None or not error.again:
                    raise
                await asyncio.sleep(pause)
            else:
                await self._mark(parcel, DeliveryState.SENT, answer)
                return replace(_sent(intent, destination, adapter), state=DeliveryState.SENT, answer=answer)
        raise AssertionError("the last attempt ends or raises")

    async def _intend(self, parcel: Parcel) -> tuple[Delivery, HttpDestination | CommandDestination]:
        """The row of the delivery, there before anything leaves; and the destination as it is now."""
        async with self._database.transaction() as session:
            run = await leases.fenced(session, parcel.lease)
            if run.asked == Asked.CANCEL:
                raise Conflict("the run is being cancelled", state=run.state)
            destination = await store.draft(session, parcel.destination)
            row = await store.by_key(session, parcel.key)
            if row is None:
                row = Delivery(
                    pipeline_id=run.id,
                    phase=parcel.phase,
                    round=parcel.round,
                    destination=destination.name,
                    idempotency_key=parcel.key,
                    payload_digest=parcel.payload_digest,
                    state=DeliveryState.INTENDED,
                    attempts=0,
                )
                session.add(row)
            if row.state != DeliveryState.SENT and not destination.dry_run:
                row.state = DeliveryState.INTENDED
                row.attempts += 1
        return row, destination

    async def _mark(self, parcel: Parcel, state: DeliveryState, answer: Answer | None) -> None:
        async with self._database.transaction() as session:
            await store.mark(session, parcel.key, state, answer)

    def _adapter(self, destination: HttpDestination | CommandDestination) -> Adapter:
        match destination:
            case HttpDestination():
                return HttpAdapter(destination.config, self._environment)
            case CommandDestination():
                return CommandAdapter(destination.config, self._environment)
            case _:
                assert_never(destination)


def _message(parcel: Parcel) -> Message:
    return Message(canonical(parcel.payload), parcel.key, parcel.lease.pipeline_id, parcel.artifact)


def _short(answer: Answer | None) -> Answer | None:
    return answer and Answer(answer.status, answer.text[:EXCERPT_CHARS])


def _sent(row: Delivery, destination: HttpDestination | CommandDestination, adapter: Adapter) -> Sent:
    known = row.response_status is not None
    answer = Answer(row.response_status or 0, row.response_excerpt or "") if known else None
    return Sent(
        row.idempotency_key,
        DeliveryState(row.state),
        destination.adapter,
        adapter.target,
        row.attempts,
        answer,
    )
