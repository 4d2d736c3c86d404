"""The prices that people set: they go before a profile's own and before the price list."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Database
from app.errors import NotFound
from app.tables import ModelPrice
from app.usage.cost import Cost, cost_by_prices, cost_of, is_free
from app.usage.tokens import Tokens

LOOK_S = 10.0
"""How long a process may not know of a price that was set elsewhere."""
CLASSES = ("input", "output", "cache_read", "cache_write", "cache_write_1h")


@dataclass(frozen=True)
class Prices:
    """What every model costs, as known at one moment. Without rows: profiles and the price list."""

    rows: Mapping[tuple[str, str], Sequence[ModelPrice]] = field(default_factory=dict)
    """By backend and model, the newest first."""

    def is_free(self, backend: str, model: str, prices: Mapping[str, float] | None, at: datetime) -> bool:
        """Whether every answer costs nothing. `prices` are the profile's own."""
        row = self._row(backend, model, at)
        return is_free(backend, prices) if row is None else not any(_prices(row).values())

    def cost(
        self, tokens: Tokens, *, backend: str, model: str, prices: Mapping[str, float] | None, at: datetime
    ) -> Cost:
        """What these tokens cost in a call that begins then. `prices` are the profile's own."""
        row = self._row(backend, model, at)
        if row is None:
            return cost_of(tokens, backend=backend, model=model, prices=prices, at=at)
        return Cost(cost_by_prices(tokens, _prices(row)), f"model_prices {row.valid_from:%Y-%m-%d}")

    def cost_at_most(
        self, tokens: Tokens, *, backend: str, model: str, prices: Mapping[str, float] | None, at: datetime
    ) -> Cost:
        """What a call costs at most whose input may be written to the provider's cache: for reservations."""
        written = Tokens(cache_write=tokens.total_input, output=tokens.output)
        written_long = Tokens(
            cache_write=tokens.total_input, cache_write_1h=tokens.total_input, output=tokens.output
        )
        ways = [
            self.cost(way, backend=backend, model=model, prices=prices, at=at)
            for way in (tokens, written, written_long)
        ]
        return max(ways, key=lambda cost: Decimal(-1) if cost.usd is None else cost.usd)

    def _row(self, backend: str, model: str, at: datetime) -> ModelPrice | None:
        return next((row for row in self.rows.get((backend, model), ()) if row.valid_from <= at), None)


class PriceBook:
    """The prices as this process knows them: read anew after `LOOK_S`, so not with every call."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._lock = asyncio.Lock()
        self._known: Prices | None = None
        self._read_at = 0.0

    async def current(self) -> Prices:
        """Nobody reckons without them: calls that begin while they are read for the first time wait."""
        async with self._lock:
            if self._known is None or self._clock() >= self._read_at + LOOK_S:
                async with self._database.transaction() as session:
                    self._known = await read(session)
                self._read_at = self._clock()
        return self._known


async def read(session: AsyncSession) -> Prices:
    found: dict[tuple[str, str], list[ModelPrice]] = defaultdict(list)
    for row in await every(session):
        found[row.backend, row.model].append(row)
    return Prices(found)


async def every(session: AsyncSession) -> Sequence[ModelPrice]:
    """The newest price of each model first."""
    order = (ModelPrice.backend, ModelPrice.model, ModelPrice.valid_from.desc())
    return (await session.scalars(select(ModelPrice).order_by(*order))).all()


async def put(
    session: AsyncSession,
    backend: str,
    model: str,
    prices: Mapping[str, Decimal | None],
    valid_from: datetime,
) -> ModelPrice:
    """Set what a model costs from then on; calls that are settled already keep what they cost."""
    values = {
        "backend": backend,
        "model": model,
        "valid_from": valid_from,
        **dict.fromkeys(CLASSES),
        **prices,
    }
    statement = insert(ModelPrice).values(values)
    key = ["backend", "model", "valid_from"]
    await session.execute(
        statement.on_conflict_do_update(index_elements=key, set_={name: values[name] for name in CLASSES})
    )
    return await session.get_one(ModelPrice, (backend, model, valid_from), populate_existing=True)


async def remove(session: AsyncSession, backend: str, model: str) -> int:
    """Take every price of a model away. Raises `NotFound` when it has none."""
    rows = [row for row in await every(session) if (row.backend, row.model) == (backend, model)]
    if not rows:
        raise NotFound(f"no price was set for {model} on {backend}; `workbench models price list` shows them")
    for row in rows:
        await session.delete(row)
    return len(rows)


def _prices(row: ModelPrice) -> dict[str, Decimal]:
    given = {name: getattr(row, name) for name in CLASSES}
    return {name: price for name, price in given.items() if price is not None}
