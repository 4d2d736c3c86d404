"""Work that one worker does for all, once in a while."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert

from app.db import Database
from app.tables import Chore


async def is_ours(database: Database, name: str, every_s: float) -> bool:
    """Whether no other worker began this a while ago; the next one finds that we did."""
    again = Chore.started_at < func.clock_timestamp() - timedelta(seconds=every_s / 2)
    taken = (
        insert(Chore)
        .values(name=name)
        .on_conflict_do_update(
            index_elements=["name"], set_={"started_at": func.clock_timestamp()}, where=again
        )
    )
    async with database.transaction() as session:
        return await session.scalar(taken.returning(Chore.name)) is not None
