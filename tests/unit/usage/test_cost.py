"""What tokens cost."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from app.usage.cost import cost_of
from app.usage.tokens import Tokens

NOW = datetime(2026, 11, 21, tzinfo=UTC)
MILLION = Tokens(input=1_000_000, cache_read=1_000_000, cache_write=1_000_000, output=1_000_000)


def usd(tokens: Tokens, backend: str = "anthropic", model: str = "m", **prices: float) -> Decimal | None:
    return cost_of(tokens, backend=backend, model=model, prices=prices or None, at=NOW).usd


def test_a_profile_with_prices_is_billed_by_them_in_every_class() -> None:
    assert usd(MILLION, input=3, cache_read=0.3, cache_write=3.75, output=15) == Decimal("22.05")


def test_cached_tokens_without_a_price_of_their_own_cost_what_input_costs() -> None:
    assert usd(MILLION, input=3, output=15) == Decimal(24)


@pytest.mark.parametrize("backend", ["ollama", "openai", "recorded"])
def test_a_server_of_ones_own_costs_nothing(backend: str) -> None:
    cost = cost_of(MILLION, backend=backend, model="m", prices=None, at=NOW)
    assert (cost.usd, cost.price_version) == (Decimal(0), "local")


def test_a_model_of_the_price_list_is_billed_by_it_and_names_its_version() -> None:
    cost = cost_of(
        Tokens(input=1_000_000), backend="anthropic", model="claude-sonnet-4-5", prices=None, at=NOW
    )
    assert cost.usd is not None
    assert cost.usd > 0
    assert cost.price_version.startswith("genai-prices ")


def test_a_price_that_nobody_knows_is_unknown_and_not_nothing() -> None:
    assert usd(MILLION, model="a-model-of-tomorrow") is None


def test_tokens_add_up_by_class() -> None:
    total = Tokens(1, 2, 3, 4, 5) + Tokens(10, 20, 30, 40, 50)
    assert (total, total.total_input) == (Tokens(11, 22, 33, 44, 55), 66)
