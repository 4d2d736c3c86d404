"""Cached answers of models: those past their own end, and the oldest while all take too much."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from app.llm import cache_rows
from app.pipelines.retention.policy import Pruned


async def prune_some(session: AsyncSession, max_bytes: int) -> Pruned | None:
    """Remove some of them; None: none is due."""
    gone = await cache_rows.shrink_some(session, max_bytes)
    return Pruned(cached=gone) if gone else None


async def preview(session: AsyncSession) -> Pruned:
    """What has expired by now."""
    return Pruned(cached=await cache_rows.due(session))
