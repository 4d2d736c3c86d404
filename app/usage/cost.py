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
        return Cost(_from_profile(tokens, prices), "profile")
    if backend in LOCAL_BACKENDS:
        return Cost(Decimal(0), "local")
    return _from_list(tokens, backend, model, at)


def _from_profile(tokens: Tokens, prices: Mapping[str, float]) -> Decimal:
    amounts = {
        "input": tokens.input,
        "cache_read": tokens.cache_read,
        "cache_write": tokens.cache_write,
        "output": tokens.output,
    }
    default = prices.get("input", 0.0)
    total = Decimal(0)
    for name, amount in amounts.items():
        price = prices.get(name, default if name != "output" else 0.0)
        total += Decimal(str(price)) * amount / PER_MTOK
    return total


def _from_list(tokens: Tokens, backend: str, model: str, at: datetime) -> Cost:
    from genai_prices import Usage, calc_price  # 0.2 s to import: only when something is paid for

    name = f"genai-prices {version('genai-prices')}"
    usage = Usage(
        input_tokens=tokens.total_input,
        cache_read_tokens=tokens.cache_read,
        cache_write_tokens=tokens.cache_write,
        output_tokens=tokens.output,
    )
    try:
        price = calc_price(usage, model, provider_id=backend, genai_request_timestamp=at)
    except LookupError:
        return Cost(None, name)
    return Cost(price.total_price, name)
