"""Queries over model profiles: list them, change what a profile asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import unknown
from app.tables import ModelProfile


async def every(session: AsyncSession) -> Sequence[ModelProfile]:
    return (await session.scalars(select(ModelProfile).order_by(ModelProfile.name))).all()


async def change(session: AsyncSession, name: str, values: Mapping[str, Any]) -> ModelProfile:
    """Change columns of a profile; seeding leaves it alone from then on. Raises `NotFound`."""
    row = await session.get(ModelProfile, name, with_for_update=True)
    if row is None:
        raise unknown("model profile", name, [profile.name for profile in await every(session)])
    for column, value in values.items():
        setattr(row, column, value)
    row.edited_at = func.clock_timestamp()
    await session.flush()
    return row
