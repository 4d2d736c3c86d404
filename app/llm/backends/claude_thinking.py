"""How each Claude model is told to think or not: the field differs from model to model."""

from __future__ import annotations

import re
from typing import Literal

from app.llm.types import JSON, Profile

Off = Literal["disabled", "between_tools", "low effort"]
"""What turns thinking off; `low effort` is for models that always think."""

MIN_BUDGET = 1_024
"""Tokens; the API takes no less."""
_DATE = re.compile(r"-(\d{8}|latest)$")
_BUDGETS = {"low": 2_048, "on": 4_096, "medium": 4_096, "high": 16_384}

_MODELS: dict[str, tuple[Off, bool]] = {
    "claude-sonnet-5-5": ("between_tools", True),
    "claude-sonnet-5": ("disabled", True),
    "claude-opus-5-5": ("low effort", True),
    "claude-opus-5": ("disabled", True),
    "claude-opus-4-8": ("disabled", True),
    "claude-opus-4-7": ("disabled", True),
    "claude-opus-4-6": ("disabled", True),
    "claude-opus-4-5": ("disabled", False),
    "claude-sonnet-4-6": ("disabled", True),
    "claude-sonnet-4-5": ("disabled", False),
    "claude-haiku-5-5": ("disabled", True),
    "claude-haiku-4-5": ("disabled", False),
}
"""By model without its date: what turns thinking off, and whether it adapts by itself (else it has a budget).

A name that is not here is taken for the newest kind, which always thinks.
"""


def thinking(profile: Profile) -> tuple[dict[str, JSON], dict[str, JSON]]:
    """The `thinking` field, and what belongs into `output_config` beside it."""
    off, adaptive = _ability(profile.model)
    if profile.think == "off":
        return ({"type": "adaptive"}, {"effort": "low"}) if off == "low effort" else ({"type": off}, {})
    if adaptive:
        return {"type": "adaptive"}, {} if profile.think == "on" else {"effort": profile.think}
    budget = min(_BUDGETS[profile.think], profile.max_output_tokens // 2)
    if budget < MIN_BUDGET:  # the answer needs the room
        return {"type": "disabled"}, {}
    return {"type": "enabled", "budget_tokens": budget}, {}


def _ability(model: str) -> tuple[Off, bool]:
    return _MODELS.get(_DATE.sub("", model), ("low effort", True))
