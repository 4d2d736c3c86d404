"""How much one transaction removes, and how it counts what it removed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from uuid import UUID

from sqlalchemy import Delete, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

OWNERS = 200
"""Runs or batches in one transaction, at most."""
ROWS = 1_000
"""Events or items in one transaction, unless one owner has more: no lock lasts, and no burst of WAL comes."""


def few(owners: Sequence[tuple[UUID, int]]) -> list[UUID]:
    """As many of the first as have no more than `ROWS` rows together, and at least one."""
    total = accumulate(rows for _, rows in owners)
    return [
        owner
        for n, ((owner, _), sum_) in enumerate(zip(owners, total, strict=True))
        if n == 0 or sum_ <= ROWS
    ]


async def removed(session: AsyncSession, statement: Delete) -> int:
    """Carry it out; how many rows are gone."""
    gone = statement.returning(func.now()).cte("gone")
    return await number(session, select(func.count()).select_from(gone))


async def number(session: AsyncSession, query: Select[int]) -> int:
    return (await session.execute(query)).scalar_one()
