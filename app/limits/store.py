"""Queries over the limits that people edit, and how full each of them is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Invalid, unknown
from app.tables import CallLimit, ModelProfile

STATES = text(
    """
    SELECT limits.*, states.in_use, states.waiting, states.opens_in
    FROM call_limits AS limits JOIN call_limit_states() AS states USING (name) ORDER BY name
    """
)


@dataclass(frozen=True)
class LimitState:
    """A limit, and the calls that are counted against it now, of all workers."""

    name: str
    max_concurrent: int | None
    requests_per_minute: int | None
    tokens_per_minute: int | None
    edited_at: datetime | None
    in_use: int
    waiting: int
    opens_in: float
    """How long its rates let no call start, in seconds."""


async def states(session: AsyncSession) -> list[LimitState]:
    return [LimitState(**row) for row in (await session.execute(STATES)).mappings()]


async def change(
    session: AsyncSession, name: str, values: Mapping[str, int | None], backends: Iterable[str]
) -> LimitState:
    """Change figures of a limit, or make it. Seeding leaves it alone from then on.

    Raises `NotFound` for a backend or profile that does not exist, `Invalid` for another name.
    """
    await _check_name(session, name, backends)
    row = await session.get(CallLimit, name, with_for_update=True)
    if row is None:
        row = CallLimit(name=name)
        session.add(row)
    for figure, value in values.items():
        setattr(row, figure, value)
    row.edited_at = func.clock_timestamp()
    await session.flush()
    return next(state for state in await states(session) if state.name == name)


async def _check_name(session: AsyncSession, name: str, backends: Iterable[str]) -> None:
    match name.split(":", 1):
        case ["backend", subject]:
            if subject not in (known := list(backends)):
                raise unknown("LLM backend", subject, known)
        case ["profile", subject]:
            profiles = (await session.scalars(select(ModelProfile.name))).all()
            if subject not in profiles:
                raise unknown("model profile", subject, profiles)
        case _:
            raise Invalid(
                f"a limit is named backend:… or profile:…, such as backend:ollama; not {name!r}", place="name"
            )
