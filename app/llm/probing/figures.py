"""The figures of a probe, made of its single answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import quantiles

from app.llm.probing.case import Verdict
from app.llm.types import BackendName, Mode
from app.usage.tokens import Tokens


@dataclass(frozen=True)
class Asked:
    """One call of a probe and what came of it."""

    seconds: float
    tokens: Tokens | None = None
    """None: no text came back."""
    verdict: Verdict = Verdict()  # noqa: RUF009 - a frozen value
    error: str | None = None
    ends_mode: bool = False
    """Every other question in this mode would end the same way."""


@dataclass(frozen=True)
class Capability:
    """A row of `model_capabilities`: one model, server version and mode, thinking or not."""

    backend: BackendName
    model: str
    server_version: str
    mode: Mode
    thinks: bool
    asked: int
    answered: int
    valid: int
    enums: int
    compliant: int
    correct: int
    output_tokens: int
    thinking_tokens: int
    tokens_per_s: float | None
    p50_s: float | None
    p95_s: float | None
    error: str | None
    probed_at: datetime

    @property
    def share(self) -> float:
        """Of all that was asked, what came back as JSON that keeps to its schema: 0 to 1."""
        return self.compliant / self.asked if self.asked else 0.0


def capability(
    backend: BackendName,
    model: str,
    server_version: str,
    mode: Mode,
    *,
    thinks: bool,
    calls: Sequence[Asked],
    at: datetime,
) -> Capability:
    """The figures of these calls."""
    answered = [(call.seconds, call.tokens) for call in calls if call.tokens is not None]
    seconds = [took for took, _ in answered]
    tokens = sum((counted for _, counted in answered), start=Tokens())
    verdicts = [call.verdict for call in calls]
    errors = [call.error for call in calls if call.error]
    return Capability(
        backend=backend,
        model=model,
        server_version=server_version,
        mode=mode,
        thinks=thinks,
        asked=len(calls),
        answered=len(answered),
        valid=sum(verdict.valid for verdict in verdicts),
        enums=sum(verdict.enums for verdict in verdicts),
        compliant=sum(verdict.compliant for verdict in verdicts),
        correct=sum(verdict.correct for verdict in verdicts),
        output_tokens=tokens.output,
        thinking_tokens=tokens.thinking,
        tokens_per_s=tokens.output / sum(seconds) if sum(seconds) else None,
        p50_s=_percentile(seconds, 50),
        p95_s=_percentile(seconds, 95),
        error=errors[-1] if errors else None,
        probed_at=at,
    )


def _percentile(values: Sequence[float], percent: int) -> float | None:
    """Between the values, none beyond them; None of nothing."""
    if len(values) < 2:
        return values[0] if values else None
    return quantiles(values, n=100, method="inclusive")[percent - 1]
