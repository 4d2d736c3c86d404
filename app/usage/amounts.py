"""What a row of the ledger adds to a bill. An open one counts with what it reserved: no bill is too low."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Integer, SQLColumnExpression, case, cast, func, literal

from app.tables import PromptUsage

_OPEN = PromptUsage.outcome == "open"
_USD = case((_OPEN, PromptUsage.reserved_usd), else_=PromptUsage.cost_usd)

AMOUNTS: Mapping[str, SQLColumnExpression[Any]] = {
    "calls": literal(1),
    "input_tokens": case((_OPEN, PromptUsage.reserved_tokens), else_=PromptUsage.input_tokens),
    "cache_read_tokens": PromptUsage.cache_read_tokens,
    "cache_write_tokens": PromptUsage.cache_write_tokens,
    "output_tokens": PromptUsage.output_tokens,
    "thinking_tokens": PromptUsage.thinking_tokens,
    "cost_usd": _USD,
    "unpriced": cast(_USD.is_(None), Integer),
    "open": cast(_OPEN, Integer),
}
"""By the names of the columns of `UsageDay`, which has no open ones."""


def sums(amounts: Iterable[SQLColumnExpression[Any]]) -> list[SQLColumnExpression[Any]]:
    """Each of them added up."""
    return [func.coalesce(func.sum(amount), 0) for amount in amounts]
