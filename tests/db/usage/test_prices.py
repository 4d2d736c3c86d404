"""Prices that people set go before the profile's own and the price list, from their day on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from app.db import Database
from app.errors import NotFound
from app.tables import ModelPrice
from app.usage import prices
from app.usage.prices import PriceBook, Prices
from app.usage.tokens import Tokens

NOW = datetime(2026, 11, 21, tzinfo=UTC)
MILLION = Tokens(input=1_000_000, output=1_000_000)


async def priced(database: Database, at: datetime = NOW, **given: str) -> ModelPrice:
    values = {name: Decimal(price) for name, price in {"input": "1", "output": "2", **given}.items()}
    async with database.transaction() as session:
        return await prices.put(session, "anthropic", "claude-next", values, at)


async def known(database: Database) -> Prices:
    async with database.transaction() as session:
        return await prices.read(session)


def cost(found: Prices, tokens: Tokens = MILLION, at: datetime = NOW, **own: float) -> Decimal | None:
    return found.cost(tokens, backend="anthropic", model="claude-next", prices=own or None, at=at).usd


async def test_a_model_that_nobody_knows_has_a_price_once_a_person_says_so(database: Database) -> None:
    assert cost(await known(database)) is None
    await priced(database)
    found = await known(database)
    assert cost(found) == Decimal(3)
    version = found.cost(MILLION, backend="anthropic", model="claude-next", prices=None, at=NOW).price_version
    assert version == "model_prices 2026-11-21"


async def test_a_price_counts_from_its_day_on_and_the_one_before_until_then(database: Database) -> None:
    await priced(database)
    await priced(database, NOW + timedelta(days=10), input="5")
    found = await known(database)
    days = {day: cost(found, at=NOW + timedelta(days=day)) for day in (-1, 0, 9, 10)}
    assert days == {-1: None, 0: Decimal(3), 9: Decimal(3), 10: Decimal(7)}


async def test_a_price_that_is_set_goes_before_that_of_the_profile(database: Database) -> None:
    await priced(database)
    assert cost(await known(database), input=100.0, output=100.0) == Decimal(3)


async def test_what_is_cached_costs_as_said_or_as_input_and_for_an_hour_as_written(
    database: Database,
) -> None:
    cached = Tokens(cache_read=1_000_000, cache_write=2_000_000, cache_write_1h=1_000_000)
    await priced(database)
    assert cost(await known(database), cached) == Decimal(3)
    await priced(database, cache_read="0.1", cache_write="1.25")
    assert cost(await known(database), cached) == Decimal("2.6")
    await priced(database, cache_read="0.1", cache_write="1.25", cache_write_1h="2")
    assert cost(await known(database), cached) == Decimal("3.35")


async def test_a_server_of_ones_own_is_no_longer_free_once_it_has_a_price(database: Database) -> None:
    def free(found: Prices, model: str) -> bool:
        return found.is_free("openai", model, None, NOW)

    async with database.transaction() as session:
        await prices.put(session, "openai", "hosted", {"input": Decimal(1), "output": Decimal(1)}, NOW)
        await prices.put(session, "openai", "gift", {"input": Decimal(0), "output": Decimal(0)}, NOW)
    found = await known(database)
    assert (free(found, "hosted"), free(found, "gift"), free(found, "local")) == (False, True, True)


async def test_a_reservation_covers_input_that_is_written_to_the_cache(database: Database) -> None:
    await priced(database, cache_write="1.25", cache_write_1h="2")
    found = await known(database)
    most = found.cost_at_most(MILLION, backend="anthropic", model="claude-next", prices=None, at=NOW)
    assert most.usd == Decimal(4)
    sonnet = {"backend": "anthropic", "model": "claude-sonnet-5-5", "prices": None, "at": NOW}
    plain, listed = found.cost(MILLION, **sonnet).usd, found.cost_at_most(MILLION, **sonnet).usd
    assert plain is not None
    assert listed is not None
    assert listed > plain


async def test_a_price_is_set_again_taken_away_and_missed(database: Database) -> None:
    await priced(database)
    await priced(database, input="9")
    assert cost(await known(database)) == Decimal(11)
    async with database.transaction() as session:
        assert await prices.remove(session, "anthropic", "claude-next") == 1
    assert cost(await known(database)) is None
    with pytest.raises(NotFound, match="no price was set for claude-next"):
        async with database.transaction() as session:
            await prices.remove(session, "anthropic", "claude-next")


async def test_a_process_knows_the_prices_without_asking_for_each_call(database: Database) -> None:
    book = PriceBook(database)
    before = await book.current()
    await priced(database)
    assert await book.current() is before
    assert cost(await PriceBook(database).current()) == Decimal(3)
