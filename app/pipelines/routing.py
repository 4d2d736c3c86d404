"""Queries over model profiles and the routes that lead to them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.tables import ModelProfile, Route


async def profiles(session: AsyncSession) -> Sequence[ModelProfile]:
    return (await session.scalars(select(ModelProfile).order_by(ModelProfile.name))).all()


async def routes(session: AsyncSession) -> Sequence[Route]:
    return (await session.scalars(select(Route).order_by(Route.name))).all()
