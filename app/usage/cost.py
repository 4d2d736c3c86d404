"""What a call costs: the price list of genai-prices, or the profile's own prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from importlib.metadata import version

from app.usage.tokens import Tokens

PER_MTOK = Decimal(1_000_000)
LOCAL_BACKENDS = frozenset({"ollama", "openai", "recorded"})
"""Servers of one's own: they cost nothing unless the profile says otherwise."""


@dataclass(frozen=True)
class Cost:
    """`usd` is None when the price is unknown; it is never guessed as 0."""

    usd: Decimal | None
    price_version: str


def is_free(backend: str, prices: Mapping[str, float] | None) -> bool:
    """Whether every answer costs nothing: a server of one's own, or prices of 0."""
    if prices is not None:
        return not any(prices.values())
    return backend in LOCAL_BACKENDS


def cost_of(
    tokens: Tokens,
    *,
    backend: str,
    model: str,
    prices: Mapping[str, float] | None,
    at: datetime,
) -> Cost:
    """The price of these tokens at that time. `prices` is US dollars per million tokens by class."""
    if prices is not None:
        exact = {name: Decimal(str(price)) for name, price in prices.items()}
        return Cost(cost_by_prices(tokens, exact), "profile")
    if backend in LOCAL_BACKENDS:
        return Cost(Decimal(0), "local")
    return _from_list(tokens, backend, model, at)


def cost_by_prices(tokens: Tokens, prices: Mapping[str, Decimal]) -> Decimal:
    """By prices per million tokens. What is cached costs what input costs, unless it has its own price."""
    written = prices.get("cache_write", prices.get("input", Decimal(0)))
    amounts = {
        "input": (tokens.input, Decimal(0)),
        "cache_read": (tokens.cache_read, prices.get("input", Decimal(0))),
        "cache_write": (tokens.cache_write - tokens.cache_write_1h, written),
        "cache_write_1h": (tokens.cache_write_1h, written),
        "output": (tokens.output, Decimal(0)),
    }
    return sum(
        (prices.get(name, other) * amount / PER_MTOK for name, (amount, other) in amounts.items()),
        start=Decimal(0),
    )


def _from_list(tokens: Tokens, backend: str, model: str, at: datetime) -> Cost:
    from genai_prices import Usage, calc_price  # 0.2 s to import: only when something is paid for

    name = f"genai-prices {version('genai-prices')}"
    usage = Usage(
        input_tokens=tokens.total_input,
        cache_read_tokens=tokens.cache_read,
        cache_write_tokens=tokens.cache_write,
        cache_write_1h_tokens=tokens.cache_write_1h or None,
        output_tokens=tokens.output,
    )
    try:
        price = calc_price(usage, model, provider_id=backend, genai_request_timestamp=at)
    except LookupError:
        return Cost(None, name)
    return Cost(price.total_price, name)
