"""Carries out `estimate`."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import Any

from app.cli.backends import profile_of
from app.cli.epic import read_epic
from app.cli.opening import read_settings, with_services
from app.cli.options import BackendChoice
from app.cli.output import emit, explain, print_json, row, say, stdout, table
from app.cli.repository import provide_project
from app.pipelines.estimating import Estimate, Range
from app.services import Services

NUMBERS = ("prompt", "answer", "tokens", "low", "expected", "high", "rounds")
"""`rounds`: earlier ones that the answer is known from."""


def show(
    epic: str,
    definition: str,
    project: str | None,
    backend: BackendChoice | None,
    profile: str | None,
    *,
    as_json: bool,
) -> None:
    settings = read_settings()
    text = read_epic(epic)
    answers = profile_of(settings, backend, profile)

    async def reckon(services: Services) -> Estimate:
        if project is not None:
            await provide_project(services, project)
        return await services.estimator.estimate(
            text, definition=definition, project=project, profile=answers
        )

    found = with_services(settings, reckon)
    if as_json:
        print_json(as_json_of(found))
    else:
        _show(found)


def as_json_of(found: Estimate) -> dict[str, Any]:
    """Money as text."""
    return {**asdict(found), "tokens": asdict(found.tokens), "usd": asdict(found.usd) if found.usd else None}


def _show(found: Estimate) -> None:
    console = stdout()
    say(console, ("pipeline    ", "dim"), found.definition)
    if found.project is not None:
        say(console, ("project     ", "dim"), f"{found.project} at {(found.base_commit or '')[:12]}")
    made = table("phase", "profile", *NUMBERS, right=NUMBERS)
    for one in found.phases:
        counts = (one.input_tokens, one.output_tokens.expected, one.tokens.expected)
        figures = (*(f"{count:,}" for count in counts), *_dollars(one.usd))
        row(made, one.phase, one.profile, *figures, one.samples or "none")
    total = found.tokens
    row(made, "all", "", "", "", f"{total.expected:,}", *_dollars(found.usd), "")
    console.print()
    emit(console, made)
    console.print()
    say(console, ("tokens      ", "dim"), f"{total.low:,} to {total.high:,}, {total.expected:,} expected")
    if found.usd is not None:
        usd = found.usd
        say(
            console,
            ("dollars     ", "dim"),
            f"${usd.low:.4f} to ${usd.high:.4f}, ${usd.expected:.4f} expected",
        )
    else:
        say(console, ("dollars     ", "dim"), ("the price of a model is unknown", "yellow"))
    explain(console, (_how(found), "dim"))


def _dollars(usd: Range[Decimal] | None) -> tuple[str, str, str]:
    if usd is None:
        return ("?", "?", "?")
    return (f"${usd.low:.4f}", f"${usd.expected:.4f}", f"${usd.high:.4f}")


def _how(found: Estimate) -> str:
    text = (
        "Prompts are rendered for this epic and repository, no model was asked; tokens are counted by bytes, "
        "which errs high, and nothing is taken for cached. "
    )
    if found.runs:
        return f"{text}Answers and {found.reworks:.1f} reworks a run are those of the last {found.runs} runs."
    return f"{text}{found.definition} has not run yet: answers and reworks are assumed."
