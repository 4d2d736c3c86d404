"""Carries out `scoreboard`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.console import Console

from app.cli.opening import read_settings, with_services
from app.cli.output import explain, print_json, say, stdout
from app.cli.repository import provide_project
from app.pipelines.scoreboard.roi import Before, Roi
from app.pipelines.scoreboard.scoreboard import Scoreboard, scoreboard
from app.services import Services

UNKNOWN = "?"


def show(project: str, days: int, before: Before, *, as_json: bool) -> None:
    async def read(services: Services) -> Scoreboard:
        await provide_project(services, project)
        return await scoreboard(services.database, project, days, before)

    board = with_services(read_settings(), read)
    if as_json:
        print_json(as_json_of(board))
        return
    console = stdout()
    _epics(console, board)
    _cost(console, board)
    _quality(console, board)
    _pays(console, board.roi)


def as_json_of(board: Scoreboard) -> dict[str, Any]:
    """With what is reckoned from the counts."""
    reckoned = ("tokens_per_epic", "usd_per_merged", "reworks_per_epic", "merged_share")
    return {**asdict(board), **{name: getattr(board, name) for name in reckoned}}


def _epics(console: Console, board: Scoreboard) -> None:
    say(console, (f"Project {board.project}", "bold"), f", today and {board.days} days before")
    _line(
        console,
        "epics",
        f"{board.epics}: {board.succeeded} succeeded, {board.failed} failed, {board.cancelled} cancelled, "
        f"{board.under_way} under way",
    )
    if board.merged is None:
        _line(console, "merged", "unknown: the repository is not on this host")
        return
    share = f", {board.merged_share:.0%} of the succeeded" if board.merged_share is not None else ""
    _line(console, "merged", f"{board.merged} of {board.committed} commits{share}; {board.reverted} reverted")


def _cost(console: Console, board: Scoreboard) -> None:
    unpriced = f" + {board.unpriced} calls of unknown price" if board.unpriced else ""
    _line(console, "spent", f"${board.usd:.4f}{unpriced}, {board.tokens:,} tokens")
    each = f"{board.tokens_per_epic:,}" if board.tokens_per_epic is not None else UNKNOWN
    merged = f"${board.usd_per_merged:.4f}" if board.usd_per_merged is not None else UNKNOWN
    _line(console, "each", f"{each} tokens an epic, {merged} a merged change (failed epics counted in)")
    if board.guess is not None:
        guess = board.guess
        usd = f"${guess.usd:.4f}" if guess.usd is not None else UNKNOWN
        _line(
            console,
            "estimated",
            f"{guess.tokens:,} tokens and {usd} for {guess.epics} epics; they took {guess.tokens_taken:,} "
            f"and ${guess.usd_taken:.4f}",
        )


def _quality(console: Console, board: Scoreboard) -> None:
    reworks = f"{board.reworks_per_epic:.1f}" if board.reworks_per_epic is not None else UNKNOWN
    gates = ", ".join(f"{kind} {number}" for kind, number in board.gate_failures.items()) or "none"
    _line(console, "reworks", f"{reworks} an epic; rounds with failed tests: {board.test_failures}")
    _line(console, "gates", f"not passed: {gates}")


def _pays(console: Console, roi: Roi) -> None:
    before = roi.before
    console.print()
    say(console, ("Does it pay?", "bold"))
    _line(
        console,
        "assumed",
        f"by hand {before.tokens_low:,} to {before.tokens_high:,} tokens an epic, {before.premium_low} to "
        f"{before.premium_high} times as dear, {before.hours_low:g} to {before.hours_high:g} h; "
        f"the start ${before.bootstrap_usd}",
    )
    if roi.tokens is None:
        _line(console, "measured", "nothing yet: no epic has succeeded")
        return
    usd = f"${roi.usd:.4f}" if roi.usd is not None else "an unknown price"
    _line(
        console,
        "measured",
        f"{roi.tokens:,} tokens, {usd} and {roi.hours:.2f} h a succeeded epic",
    )
    if roi.tokens_saved is not None:
        low, high = roi.tokens_saved
        _line(console, "tokens", f"{low:.0%} to {high:.0%} fewer than by hand")
    if roi.usd_before is not None:
        low_usd, high_usd = roi.usd_before
        _line(
            console,
            "dollars",
            f"by hand ${low_usd:.2f} to ${high_usd:.2f}: assumed tokens, measured price",
        )
    else:
        _line(console, "dollars", "no price to go by: nothing was paid for, or a price is unknown")
    if roi.break_even is not None:
        soon, late = roi.break_even
        _line(console, "break-even", f"after {soon} to {late} epics; {roi.epics} have succeeded")
    elif roi.usd_before is not None:
        _line(console, "break-even", "never, at these figures: an epic costs as much as by hand")
    explain(
        console,
        ("The ledger is measured, all of before is assumed; review by a person is in no figure.", "dim"),
    )


def _line(console: Console, name: str, text: str) -> None:
    say(console, (f"  {name:<11} ", "dim"), text)
