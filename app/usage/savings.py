"""What was not spent, and how that is reckoned: local models, caches, documents that no model wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Invalid, unknown
from app.tables import ModelProfile, PromptUsage
from app.usage import daily, prices, reports
from app.usage.grouping import since
from app.usage.prices import Prices
from app.usage.tokens import Tokens

COMPARED_WITH = "claude"
NOT_ASKED = "recorded"
"""A backend that asks no model: what it gives again saves nothing."""
DOCUMENTED = ("pm", "architect", "developer", "rework", "qa")
"""Roles whose answers templates render as documents."""
DOCUMENT_SHARE = Decimal("0.38")
"""Tokens of the documents over those of the answers: 2,374 over 6,200, standard epic of docs/models.md."""
PROBE = 1000
"""Tokens whose price gives the price of one, below every tier of the price list."""


@dataclass(frozen=True)
class Saving:
    """One way of saving. `method` says in words how the figures come about."""

    way: str
    calls: int
    tokens: int
    """Tokens that were not paid for, or were cheaper."""
    usd: Decimal | None
    """None: a price is unknown. Below 0: it cost more than it saved."""
    method: str


@dataclass(frozen=True)
class _Taken:
    """Settled calls of one model on one day."""

    day: date
    backend: str
    model: str
    calls: int
    tokens: Tokens
    usd: Decimal

    @property
    def plain(self) -> Tokens:
        """As if no input had been cached."""
        return Tokens(input=self.tokens.total_input, output=self.tokens.output)


async def savings(session: AsyncSession, days: int, compared_with: str = COMPARED_WITH) -> list[Saving]:
    """Of today (UTC) and so many days before it. `compared_with`: what local models stand in for.

    Raises `NotFound` when there is no such profile, `Invalid` when it costs nothing.
    """
    known = await prices.read(session)
    profile = await _paid(session, known, compared_with)
    taken, own = await _taken(session, days), await _own_prices(session)
    return [
        _by_local(taken, known, profile),
        _by_provider_cache(taken, known, own),
        await _by_response_cache(session, days),
        await _by_json_first(session, days, known, own),
    ]


async def _taken(session: AsyncSession, days: int) -> list[_Taken]:
    found = (await daily.calls(session, days)).c
    counts = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")
    sums = (func.sum(found[name]) for name in ("calls", "cost_usd", *counts))
    key = (found.day, found.backend, found.model)
    rows = await session.execute(
        select(*key, *sums).where(found.open == 0, found.unpriced == 0).group_by(*key)
    )
    return [
        _Taken(day, backend, model, int(calls), Tokens(*map(int, tokens)), Decimal(usd))
        for day, backend, model, calls, usd, *tokens in rows
    ]


def _by_local(taken: Sequence[_Taken], known: Prices, profile: ModelProfile) -> Saving:
    answered = [one for one in taken if one.tokens.total]  # a refused call of a paid model cost nothing, too
    free = [one for one in answered if one.usd == 0 and one.backend != NOT_ASKED]
    each = [
        _base(one.plain, known, profile.backend, profile.model, profile.price_usd_per_mtok, one.day)
        for one in free
    ]
    return Saving(
        "local models",
        sum(one.calls for one in free),
        sum(one.tokens.total for one in free),
        None if None in each else sum((usd for usd in each if usd is not None), start=Decimal(0)),
        f"What as many tokens would have cost on profile {profile.name} ({profile.model}), none of them "
        "cached, at the base tier of its price on each day. Models count other tokens for the same text, "
        "so it is no more than a comparison.",
    )


def _by_provider_cache(
    taken: Sequence[_Taken], known: Prices, own: Mapping[tuple[str, str], Mapping[str, float]]
) -> Saving:
    calls, tokens, usd = 0, 0, Decimal(0)
    for one in taken:
        if one.usd == 0 or not one.tokens.cache_read + one.tokens.cache_write:
            continue
        whole = _base(one.plain, known, one.backend, one.model, own.get((one.backend, one.model)), one.day)
        if whole is not None:
            calls, tokens, usd = calls + one.calls, tokens + one.tokens.cache_read, usd + whole - one.usd
    return Saving(
        "providers' caches",
        calls,
        tokens,
        usd,
        "What the paid calls of models that cached would have cost with every input token at the plain price "
        "of that day (base tier), less what they did cost. Writing costs extra: it can be below 0.",
    )


async def _by_response_cache(session: AsyncSession, days: int) -> Saving:
    spared = await reports.saved(session, days)
    return Saving(
        "response cache",
        spared.calls,
        spared.tokens.total,
        spared.cost_usd,
        "What the calls took and cost whose answers were given again, once for each time. A first answer of "
        "unknown price counts as nothing.",
    )


async def _by_json_first(
    session: AsyncSession, days: int, known: Prices, own: Mapping[tuple[str, str], Mapping[str, float]]
) -> Saving:
    written = func.sum(PromptUsage.output_tokens - PromptUsage.thinking_tokens)
    query = (
        select(PromptUsage.backend, PromptUsage.model, func.count(), written)
        .where(PromptUsage.role.in_(DOCUMENTED), PromptUsage.outcome == "ok", since(days))
        .where(PromptUsage.backend != NOT_ASKED, PromptUsage.output_tokens > 0)
        .group_by(PromptUsage.backend, PromptUsage.model)
    )
    calls, tokens = 0, 0
    each: list[Decimal | None] = []
    for backend, model, count, output in await session.execute(query):
        spared = Tokens(output=int((output or 0) * DOCUMENT_SHARE))
        calls, tokens = calls + count, tokens + spared.output
        today = datetime.now(UTC).date()
        each.append(_base(spared, known, backend, model, own.get((backend, model)), today))
    return Saving(
        "JSON first",
        calls,
        tokens,
        None if None in each else sum((usd for usd in each if usd is not None), start=Decimal(0)),
        "What the models would have written in addition had they written the documents too, which templates "
        f"render at no token: {DOCUMENT_SHARE:.0%} of their valid answers in software runs, as measured on "
        "the standard epic of docs/models.md, at today's price of output (base tier). No count: an estimate.",
    )


async def _paid(session: AsyncSession, known: Prices, name: str) -> ModelProfile:
    profiles = {row.name: row for row in await session.scalars(select(ModelProfile))}
    if name not in profiles:
        raise unknown("model profile", name, profiles)
    found = profiles[name]
    if known.is_free(found.backend, found.model, found.price_usd_per_mtok, datetime.now(UTC)):
        raise Invalid(f"profile {name} costs nothing: nothing is saved against it", place="compared_with")
    return found


async def _own_prices(session: AsyncSession) -> dict[tuple[str, str], dict[str, float]]:
    """Prices of profiles by what they ask."""
    rows = await session.scalars(select(ModelProfile).where(ModelProfile.price_usd_per_mtok.is_not(None)))
    return {(row.backend, row.model): dict(row.price_usd_per_mtok or {}) for row in rows}


def _base(
    tokens: Tokens, known: Prices, backend: str, model: str, own: Mapping[str, float] | None, day: date
) -> Decimal | None:
    """What plain tokens cost at the base tier: a sum of many calls must not look like one huge prompt."""
    at = datetime.combine(day, time(12), UTC)
    input_, output = (
        known.cost(probe, backend=backend, model=model, prices=own, at=at).usd
        for probe in (Tokens(input=PROBE), Tokens(output=PROBE))
    )
    if input_ is None or output is None:
        return None
    return (input_ * tokens.input + output * tokens.output) / PROBE
