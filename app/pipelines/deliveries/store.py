"""Destinations and deliveries as rows."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Conflict, unknown
from app.pipelines.deliveries.adapter import Answer
from app.pipelines.deliveries.destination import CommandDestination, HttpDestination, read
from app.tables import Delivery, DeliveryState, Destination, PhaseConfiguration

Draft = HttpDestination | CommandDestination


async def every(session: AsyncSession) -> Sequence[Destination]:
    return (await session.scalars(select(Destination).order_by(Destination.name))).all()


async def get(session: AsyncSession, name: str) -> Destination:
    """Raises `NotFound` naming the destinations there are."""
    row = await session.get(Destination, name)
    if row is None:
        raise unknown("destination", name, [destination.name for destination in await every(session)])
    return row


async def draft(session: AsyncSession, name: str) -> Draft:
    """The destination as it is now. Raises `NotFound`."""
    row = await get(session, name)
    return read({"name": row.name, "adapter": row.adapter, "config": row.config, "dry_run": row.dry_run})


async def add(session: AsyncSession, given: Draft) -> Destination:
    """A new destination. Raises `Conflict` when there is one of that name."""
    made: Destination | None = await session.scalar(
        insert(Destination)
        .values(given.model_dump(mode="json"))
        .on_conflict_do_nothing()
        .returning(Destination)
    )
    if made is None:
        raise Conflict(f"the destination {given.name!r} exists: PUT /destinations/{given.name} changes it")
    return made


async def save(session: AsyncSession, given: Draft) -> Destination:
    """Write the destination, new or whole. What is sent from now on goes there, in runs under way too."""
    values = given.model_dump(mode="json")
    await session.execute(
        insert(Destination)
        .values(values)
        .on_conflict_do_update(index_elements=["name"], set_={**values, "edited_at": func.clock_timestamp()})
    )
    written = (
        select(Destination).where(Destination.name == given.name).execution_options(populate_existing=True)
    )
    return (await session.scalars(written)).one()


async def remove(session: AsyncSession, name: str) -> None:
    """Raises `NotFound`, and `Conflict` while a definition names it."""
    row = await get(session, name)
    used = (
        await session.scalars(
            select(PhaseConfiguration.definition).where(PhaseConfiguration.destination == name).distinct()
        )
    ).all()
    if used:
        raise Conflict(f"the destination {name!r} is used by the definition {', '.join(sorted(used))}")
    await session.delete(row)


async def of_run(session: AsyncSession, pipeline_id: UUID) -> Sequence[Delivery]:
    """Oldest first."""
    rows = await session.scalars(
        select(Delivery).where(Delivery.pipeline_id == pipeline_id).order_by(Delivery.id)
    )
    return rows.all()


async def by_key(session: AsyncSession, key: str) -> Delivery | None:
    return await session.scalar(select(Delivery).where(Delivery.idempotency_key == key).with_for_update())


async def mark(session: AsyncSession, key: str, state: DeliveryState, answer: Answer | None) -> None:
    """What came of sending. It compares no fence: that something has arrived is true whoever holds the run.

    What is sent stays sent.
    """
    await session.execute(
        update(Delivery)
        .where(Delivery.idempotency_key == key, Delivery.state != DeliveryState.SENT)
        .values(
            state=state,
            response_status=answer.status if answer else None,
            response_excerpt=answer.text if answer else None,
            sent_at=func.clock_timestamp() if state is DeliveryState.SENT else None,
        )
    )
