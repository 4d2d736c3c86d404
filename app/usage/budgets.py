"""Queries over budgets that people look at and edit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import RowMapping, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Invalid, NotFound, unknown
from app.tables import Budget, Pipeline, Project
from app.usage import reserving
from app.usage.budget import BudgetState, Defaults
from app.usage.reserving import TODAY

RUNS_SHOWN = 100
"""Budgets of runs that are not finished, the newest."""
LOOK = text(
    f"""
    SELECT budgets.*, projects.name AS project FROM budgets
    LEFT JOIN projects ON budgets.name = 'project:' || projects.id
    WHERE budgets.name = :name OR CAST(:name AS text) IS NULL AND (
        budgets.name = {TODAY} OR budgets.name LIKE 'project:%' OR budgets.name IN (
            SELECT 'run:' || id FROM pipelines WHERE finished_at IS NULL
            ORDER BY created_at DESC, id DESC LIMIT {RUNS_SHOWN}
        )
    )
    ORDER BY budgets.name
    """  # noqa: S608 - constants
)
RUN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
FORMS = "run, day, run:<id>, day:<date> or project:<name>"


async def states(session: AsyncSession, defaults: Defaults) -> list[BudgetState]:
    """The limits of every run and day, then today, the projects, and the runs that are not finished."""
    every = await _every(session, defaults)
    rows = (await session.execute(LOOK, {"name": None})).mappings().all()
    return [*every.values(), *(_state(row, every) for row in rows)]


async def state(session: AsyncSession, name: str, defaults: Defaults) -> BudgetState:
    """Of the run, day or project of this name. Raises `NotFound` when nothing is counted in it."""
    every = await _every(session, defaults)
    if name in every:
        return every[name]
    key = await _key(session, name)
    row = (await session.execute(LOOK, {"name": key})).mappings().one_or_none()
    if row is None:
        raise NotFound(f"{name} has no budget; `workbench budgets set {name} …` gives it one")
    return _state(row, every)


async def change(
    session: AsyncSession, name: str, limits: Mapping[str, Decimal | int | None], defaults: Defaults
) -> BudgetState:
    """Set `limit_usd`, `limit_tokens` or both; None takes a limit away. Counts from the next call on.

    Raises `NotFound` for a run or project that does not exist, `Invalid` for another name.
    """
    key = await _key(session, name)
    if key in ("run", "day"):
        await session.execute(insert(Budget).values(name=key).on_conflict_do_nothing())
    else:
        await reserving.begin(session, key)
    row = await session.get_one(Budget, key, with_for_update=True, populate_existing=True)
    for column, value in limits.items():
        setattr(row, column, value)
    row.edited_at = func.clock_timestamp()
    await session.flush()
    return await state(session, name, defaults)


async def _key(session: AsyncSession, name: str) -> str:
    """The name of the row."""
    scope, _, subject = name.partition(":")
    match scope:
        case "run" | "day" if not subject and ":" not in name:
            return name
        case "run" if RUN.fullmatch(subject):
            if await session.get(Pipeline, subject) is None:
                raise NotFound(f"no run {subject}")
            return name
        case "day" if DAY.fullmatch(subject):
            return name
        case "project" if subject:
            rows = await session.execute(select(Project.name, Project.id))
            projects = {row.name: row.id for row in rows}
            if subject not in projects:
                raise unknown("project", subject, projects)
            return f"project:{projects[subject]}"
    raise Invalid(f"a budget is named {FORMS}; not {name!r}", place="name")


async def _every(session: AsyncSession, defaults: Defaults) -> dict[str, BudgetState]:
    rows = await session.scalars(select(Budget).where(Budget.name.in_(["run", "day"])))
    found = {row.name: row for row in rows}
    every = {}
    for name in ("run", "day"):
        row, given = found.get(name), defaults.of(name)
        usd, tokens = (row.limit_usd, row.limit_tokens) if row else (None, None)
        every[name] = BudgetState(
            name,
            given.usd if usd is None else usd,
            given.tokens if tokens is None else tokens,
            is_edited=usd is not None or tokens is not None,
        )
    return every


def _state(row: RowMapping, every: Mapping[str, BudgetState]) -> BudgetState:
    values: dict[str, Any] = dict(row)
    name, project, edited_at = str(values.pop("name")), values.pop("project"), values.pop("edited_at")
    general = every.get(name.partition(":")[0])
    for limit in ("limit_usd", "limit_tokens"):
        if values[limit] is None and general is not None:
            values[limit] = getattr(general, limit)
    return BudgetState(
        f"project:{project}" if project else name,
        is_edited=edited_at is not None,
        **values,
    )
