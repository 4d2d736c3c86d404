"""Queries over model profiles and the routes that lead to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import unknown
from app.tables import ModelProfile, Route, RouteKeyword


async def profiles(session: AsyncSession) -> Sequence[ModelProfile]:
    return (await session.scalars(select(ModelProfile).order_by(ModelProfile.name))).all()


async def routes(session: AsyncSession) -> Sequence[Route]:
    return (await session.scalars(select(Route).order_by(Route.name))).all()


async def keywords(session: AsyncSession) -> Sequence[RouteKeyword]:
    """In the order in which they are looked for."""
    return (
        await session.scalars(select(RouteKeyword).order_by(RouteKeyword.position, RouteKeyword.keyword))
    ).all()


async def change_profile(session: AsyncSession, name: str, values: Mapping[str, Any]) -> ModelProfile:
    """Change columns of a profile; seeding leaves it alone from then on. Raises `NotFound`."""
    row = await session.get(ModelProfile, name, with_for_update=True)
    if row is None:
        raise unknown("model profile", name, [profile.name for profile in await profiles(session)])
    for column, value in values.items():
        setattr(row, column, value)
    row.edited_at = func.clock_timestamp()
    await session.flush()
    return row
