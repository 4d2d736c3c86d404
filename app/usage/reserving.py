"""What is said to the database about budgets while a call is opened and settled.

A call is counted in each budget that has a row when it is opened, and the ledger keeps their names: so
it is settled in the very same ones, whatever is set or taken away meanwhile. Rows are always changed in
the order of their names, as the last thing of a transaction: two calls can wait for each other, but never
in a circle.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, literal_column, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Database
from app.tables import Budget, Pipeline
from app.usage.budget import Allowance, BudgetState, Defaults, refusal

TODAY = "'day:' || to_char(timezone('UTC', now()), 'YYYY-MM-DD')"
"""By the clock of the database: one day for all workers."""
LIMITS = """
    coalesce(budgets.limit_usd, every.limit_usd, CAST(:limit_usd AS numeric)) AS limit_usd,
    coalesce(budgets.limit_tokens, every.limit_tokens, CAST(:limit_tokens AS bigint)) AS limit_tokens
    FROM budgets LEFT JOIN budgets AS every
      ON every.name = split_part(budgets.name, ':', 1) AND every.name <> budgets.name
"""
"""A row's own limit, else that of all runs or days, else that of the setting."""
RESERVE = text(
    f"""
    UPDATE budgets SET reserved_usd = budgets.reserved_usd + coalesce(CAST(:usd AS numeric), 0),
        reserved_tokens = budgets.reserved_tokens + :tokens,
        unpriced = budgets.unpriced + (CAST(:usd AS numeric) IS NULL)::int
    FROM (SELECT budgets.name, {LIMITS} WHERE budgets.name = :name) AS allowed
    WHERE budgets.name = allowed.name
      AND (:usd = 0 OR allowed.limit_usd IS NULL
           OR budgets.spent_usd + budgets.reserved_usd + :usd <= allowed.limit_usd)
      AND (:tokens = 0 OR allowed.limit_tokens IS NULL
           OR budgets.spent_tokens + budgets.reserved_tokens + :tokens <= allowed.limit_tokens)
    RETURNING budgets.name
    """  # noqa: S608 - constants
)
"""What costs nothing always goes; an unknown price never goes where there is a limit in dollars."""
SETTLE = text(
    """
    UPDATE budgets SET reserved_usd = reserved_usd - :reserved_usd, spent_usd = spent_usd + :usd,
        reserved_tokens = reserved_tokens - :reserved_tokens, spent_tokens = spent_tokens + :tokens,
        unpriced = unpriced + :unpriced
    WHERE name = :name
    """
)
FOUND = text(
    f"""
    SELECT coalesce('project:' || projects.name, budgets.name) AS name, budgets.reserved_usd,
        budgets.spent_usd, budgets.reserved_tokens, budgets.spent_tokens, budgets.unpriced,
        budgets.limit_usd IS NOT NULL OR budgets.limit_tokens IS NOT NULL AS is_edited, {LIMITS}
    LEFT JOIN projects ON budgets.name = 'project:' || projects.id
    WHERE budgets.name = :name
    """
)
COVERED = {
    "run": "pipeline_id = CAST(:subject AS uuid)",
    "day": "started_at >= CAST(:subject AS timestamptz) "
    "AND started_at < CAST(:subject AS timestamptz) + interval '1 day'",
    "project": "pipeline_id IN (SELECT id FROM pipelines WHERE project_id = CAST(:subject AS int))",
}
"""The calls of the ledger that a budget is about."""
IS_OPEN = "(outcome = 'open' OR output_tokens IS NULL)"
"""Such a call counts with its reservation."""
TAKEN = "coalesce(input_tokens + cache_read_tokens + cache_write_tokens + output_tokens, 0)"
ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('budgets'))")
"""Else the one that comes second would name calls whose sum the first one did not make."""
COUNT_OPEN = """
    UPDATE pipeline_prompt_usage SET budgets = array_append(budgets, :name)
    WHERE outcome = 'open' AND NOT :name = ANY (budgets) AND {covered}
"""
PROVIDE = """
    INSERT INTO budgets (name, reserved_usd, spent_usd, reserved_tokens, spent_tokens, unpriced)
    SELECT :name, coalesce(sum(reserved_usd) FILTER (WHERE {is_open}), 0),
        coalesce(sum(cost_usd) FILTER (WHERE NOT {is_open}), 0),
        coalesce(sum(reserved_tokens) FILTER (WHERE {is_open}), 0),
        coalesce(sum({taken}) FILTER (WHERE NOT {is_open}), 0),
        count(*) FILTER (WHERE CASE WHEN {is_open} THEN reserved_usd ELSE cost_usd END IS NULL)
    FROM pipeline_prompt_usage WHERE {covered}
    ON CONFLICT DO NOTHING
"""
"""A budget begins with what its calls took before there was a budget."""


def names_of(run: UUID | None, project_id: int | None) -> ColumnElement[Any]:
    """An array, as SQL: the budgets of a call that have a row."""
    names: list[Any] = [literal_column(TODAY)]
    names += [f"run:{run}"] if run is not None else []
    if project_id is not None:
        names.append(f"project:{project_id}")
    elif run is not None:  # looked up, so that no caller can forget whose budget it is
        project = select(Pipeline.project_id).where(Pipeline.id == run).scalar_subquery()
        names.append(func.concat("project:", project))
    return func.array(select(Budget.name).where(Budget.name.in_(names)).scalar_subquery())


def of_every() -> ColumnElement[Any]:
    """An array, as SQL: `run` and `day`, where there are limits for every run and every day."""
    limited = Budget.limit_usd.is_not(None) | Budget.limit_tokens.is_not(None)
    names = select(Budget.name).where(Budget.name.in_(["run", "day"]), limited)
    return func.array(names.scalar_subquery())


def wanted(run: UUID | None, every: Iterable[str], defaults: Defaults) -> set[str]:
    """The scopes in which a call has to be counted, because there is a limit for all of them."""
    scopes = set(every) | {scope for scope in ("run", "day") if not defaults.of(scope).is_any}
    return scopes if run is not None else scopes - {"run"}


async def provide(database: Database, scopes: Iterable[str], run: UUID | None) -> None:
    """Make the rows of these scopes that are missing."""
    for scope in sorted(scopes):
        async with database.transaction() as session:
            name = f"run:{run}" if scope == "run" else await session.scalar(text(f"SELECT {TODAY}"))
            await begin(session, str(name))


async def begin(session: AsyncSession, name: str) -> None:
    """Make the row of a budget, if there is none, with what the ledger has of it already."""
    scope, _, subject = name.partition(":")
    await session.execute(ONE_AT_A_TIME)
    if await session.get(Budget, name) is not None:
        return
    # first: a reply that comes just now is either settled before the sum is made, or in the new row, too
    await session.execute(text(COUNT_OPEN.format(covered=COVERED[scope])), {"name": name, "subject": subject})
    statement = PROVIDE.format(is_open=IS_OPEN, taken=TAKEN, covered=COVERED[scope])
    await session.execute(text(statement), {"name": name, "subject": subject})


async def reserve(
    session: AsyncSession,
    names: Sequence[str],
    defaults: Defaults,
    *,
    usd: Decimal | None,
    tokens: int,
    backend: str,
    model: str,
) -> None:
    """Reserve in every one of them, or raise `BudgetExceeded`, and the transaction is to be given up."""
    for name in sorted(names):
        limits = _limits(defaults.of(name.partition(":")[0]))
        values = {"name": name, "usd": usd, "tokens": tokens, **limits}
        if (await session.execute(RESERVE, values)).first() is None:
            row = (await session.execute(FOUND, {"name": name, **limits})).mappings().one()
            raise refusal(BudgetState(**row), model, backend, usd=usd, tokens=tokens)


async def settle(
    session: AsyncSession,
    names: Sequence[str],
    *,
    reserved: Allowance,
    usd: Decimal | None,
    tokens: int,
) -> None:
    """Put what the call took in the place of what was reserved for it. None: its price is unknown."""
    for name in sorted(names):
        values = {
            "name": name,
            "reserved_usd": reserved.usd or 0,
            "reserved_tokens": reserved.tokens,
            "usd": usd or 0,
            "tokens": tokens,
            "unpriced": (usd is None) - (reserved.usd is None),
        }
        await session.execute(SETTLE, values)


def _limits(allowance: Allowance) -> dict[str, Any]:
    return {"limit_usd": allowance.usd, "limit_tokens": allowance.tokens}
