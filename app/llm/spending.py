"""What a call may take, what it took, and the words of the ledger for it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from app.llm.digest import request_digest
from app.llm.request import Request
from app.llm.types import Call, Profile
from app.usage.cost import Cost
from app.usage.estimate import estimate_tokens
from app.usage.prices import Prices
from app.usage.recorder import CallRecord
from app.usage.tokens import Tokens


@dataclass
class Spent:
    """The sum over all calls of one question."""

    tokens: Tokens = field(default_factory=Tokens)
    cost_usd: Decimal | None = Decimal(0)
    """None: at least one call has an unknown price."""
    calls: int = 0

    def add(self, tokens: Tokens, cost: Cost) -> None:
        self.tokens = self.tokens + tokens
        self.calls += 1
        self.cost_usd = None if self.cost_usd is None or cost.usd is None else self.cost_usd + cost.usd


def at_most(call: Call) -> Tokens:
    """What the call may take at most, as estimated."""
    texts = (call.system, json.dumps(call.schema), *(message.content for message in call.messages))
    return Tokens(input=sum(estimate_tokens(text) for text in texts), output=call.profile.max_output_tokens)


def price(prices: Prices, profile: Profile, tokens: Tokens) -> Cost:
    """What these tokens cost now."""
    if tokens == Tokens():
        return Cost(Decimal(0), "nothing billed")
    return prices.cost(tokens, **_of(profile))


def price_at_most(prices: Prices, profile: Profile, tokens: Tokens) -> Cost:
    """What a call of so many tokens costs at most: its prompt may be written to the provider's cache."""
    return prices.cost_at_most(tokens, **_of(profile))


def _of(profile: Profile) -> dict[str, Any]:
    return {
        "backend": profile.backend,
        "model": profile.model,
        "prices": profile.price_usd_per_mtok,
        "at": datetime.now(UTC),
    }


def record(request: Request, call: Call, cascade_step: int, reason: str | None) -> CallRecord:
    return CallRecord(
        phase=call.key.phase,
        item=call.key.item,
        round=call.key.round,
        step=call.key.step,
        backend=call.profile.backend,
        profile=call.profile.name,
        model=call.profile.model,
        role=request.role,
        prompt_digest=request.prompt_digest,
        prompt_version=request.prompt_version,
        request_digest=request_digest(call),
        pipeline_id=request.pipeline_id,
        phase_run_id=request.phase_run_id,
        route=request.route,
        cascade_step=cascade_step,
        reason=reason,
        mode=call.mode,
    )
