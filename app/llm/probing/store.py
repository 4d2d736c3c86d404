"""Queries over what was found about models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.llm.probing.figures import Capability
from app.tables import ModelCapability

KEPT_VERSIONS = 3
"""Server versions of which the figures of a model are kept."""


async def every(session: AsyncSession) -> list[Capability]:
    """By backend and model, the newest probe first. There are few rows: see `replace`."""
    order = (
        ModelCapability.backend,
        ModelCapability.model,
        ModelCapability.probed_at.desc(),
        ModelCapability.thinks,
        ModelCapability.mode,
    )
    rows = await session.scalars(select(ModelCapability).order_by(*order))
    return [
        Capability(**{field.name: getattr(row, field.name) for field in fields(Capability)}) for row in rows
    ]


async def replace(session: AsyncSession, found: Sequence[Capability]) -> None:
    """Write one probe of one model in place of the last; what is known of old servers goes."""
    first = found[0]
    table = ModelCapability
    of_model = (table.backend == first.backend) & (table.model == first.model)
    await session.execute(delete(table).where(of_model & (table.server_version == first.server_version)))
    await session.execute(insert(table), [asdict(capability) for capability in found])
    newest = (
        select(table.server_version)
        .where(of_model)
        .group_by(table.server_version)
        .order_by(func.max(table.probed_at).desc())
        .limit(KEPT_VERSIONS)
    )
    await session.execute(delete(table).where(of_model & table.server_version.not_in(newest)))
