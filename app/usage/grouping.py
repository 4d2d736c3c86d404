"""The ledger grouped by what a person asks about, for some days or for one run."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Date,
    DateTime,
    SQLColumnExpression,
    Text,
    case,
    cast,
    desc,
    func,
    literal,
    select,
)
from sqlalchemy.ext.asyncio import AsyncSession

from app.tables import PromptUsage
from app.usage import reports
from app.usage.amounts import AMOUNTS, sums
from app.usage.reports import Bill

MOST = 200
"""Groups of one report, the dearest first."""


class By(StrEnum):
    MODEL = "model"
    DAY = "day"
    RUN = "run"
    PHASE = "phase"
    ITEM = "item"
    STEP = "step"
    PROMPT = "prompt"
    ROUTE = "route"
    PROFILE = "profile"


_NONE = literal("-")
_ITEM = case(
    (PromptUsage.item != "", PromptUsage.phase + " [" + PromptUsage.item + "]"), else_=PromptUsage.phase
)
LABELS: Mapping[By, SQLColumnExpression[str]] = {
    By.MODEL: PromptUsage.backend + " " + PromptUsage.model,
    By.DAY: func.to_char(func.timezone("UTC", PromptUsage.started_at), "YYYY-MM-DD"),
    By.RUN: func.coalesce(cast(PromptUsage.pipeline_id, Text), _NONE),
    By.PHASE: PromptUsage.phase,
    By.ITEM: _ITEM,
    By.STEP: _ITEM + func.format(" round %s step %s", PromptUsage.round, PromptUsage.step),
    By.PROMPT: func.format(
        "%s@%s",
        PromptUsage.role,
        func.coalesce(cast(PromptUsage.prompt_version, Text), func.left(PromptUsage.prompt_digest, 8)),
    ),
    By.ROUTE: func.coalesce(PromptUsage.route, _NONE),
    By.PROFILE: PromptUsage.profile,
}


async def by(session: AsyncSession, group: By, days: int) -> list[Bill]:
    """One bill for each group of today (UTC) and so many days before it: the dearest first, at most `MOST`.

    Days and models are added up already, so they take no longer for more calls; all else reads the calls of
    those days. Days come newest first.
    """
    match group:
        case By.DAY:
            return await reports.by_day(session, days)
        case By.MODEL:
            return await reports.by_model(session, days)
        case _:
            return await _grouped(session, group, since(days))


async def of_run(session: AsyncSession, group: By, pipeline_id: UUID) -> list[Bill]:
    """The same of one run, in the order in which the groups first asked a model."""
    rows = await session.execute(
        select(LABELS[group].label("label"), *sums(AMOUNTS.values()))
        .where(PromptUsage.pipeline_id == pipeline_id)
        .group_by("label")
        .order_by(func.min(PromptUsage.id))
    )
    return [reports.bill_of(row) for row in rows]


def since(days: int) -> ColumnElement[bool]:
    """That a call began today (UTC), or in so many days before."""
    first = cast(func.timezone("UTC", func.now()), Date) - days
    return PromptUsage.started_at >= func.timezone("UTC", cast(first, DateTime))


async def _grouped(session: AsyncSession, group: By, condition: ColumnElement[bool]) -> list[Bill]:
    amounts: list[Any] = sums(AMOUNTS.values())
    names = list(AMOUNTS)
    dearest = (amounts[names.index("cost_usd")], amounts[names.index("input_tokens")])
    rows = await session.execute(
        select(LABELS[group].label("label"), *amounts)
        .where(condition)
        .group_by("label")
        .order_by(*map(desc, dearest), "label")
        .limit(MOST)
    )
    return [reports.bill_of(row) for row in rows]
