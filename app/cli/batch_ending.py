"""What is said about a batch: when it begins, when it is left, and when it has ended."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from rich.console import Console

from app.cli.ending import bill_table
from app.cli.failures import Exit
from app.cli.invocation import command
from app.cli.lines import counted, duration
from app.cli.output import one_line, say, stderr, stdout
from app.cli.view import bill_json
from app.pipelines.batches import store
from app.pipelines.batches.account import Account
from app.services import Services
from app.tables import Batch, BatchItem, BatchState, ItemState

SHOWN_LETTERS = 5
STYLES = {
    BatchState.OPEN: "bold cyan",
    BatchState.PAUSED: "bold yellow",
    BatchState.FINISHED: "bold green",
    BatchState.CANCELLED: "bold yellow",
}


def say_created(batch: Batch, workers: int | None) -> None:
    """`workers`: how many are alive, where nobody else works on it."""
    console = stdout()
    say(console, ("batch       ", "dim"), str(batch.id))
    say(console, ("inputs      ", "dim"), f"{batch.total:,}, {batch.concurrency:,} at once")
    say(console, ("pipeline    ", "dim"), batch.definition)
    if workers == 0:
        say(console, "no worker is alive; start one: ", command("worker"))


def say_left(batch_id: UUID) -> Exit:
    say(stderr(), ("left the batch ", "yellow"), f"{batch_id} as it is; go on with it:")
    say(stderr(), command("batch", "--resume", short(batch_id)), indent=2)
    return Exit.CANCELLED


async def show_ending(services: Services, batch: Batch, out: Path | None) -> None:
    await show_batch(services, batch)
    console = stdout()
    console.print()
    if out is not None:
        say(console, ("results     ", "dim"), str(out))
    else:
        say(console, ("take the results", "dim"), indent=2)
        say(console, command("batches", "results", short(batch.id), "--out", "results.csv"), indent=4)
    if batch.state == BatchState.PAUSED:
        say(console, ("go on with it", "dim"), indent=2)
        say(console, command("batch", "--resume", short(batch.id)), indent=4)


async def show_batch(services: Services, batch: Batch) -> None:
    """Counts, pace, bill and the first dead letters."""
    console = stdout()
    account = await services.batches.account(batch)
    console.print()
    say(console, (batch.state, STYLES[BatchState(batch.state)]), f": {_counts(batch)}", _took(batch, account))
    if account.bill.calls:
        bill_table(console, "", [], account.bill, indent=2)
    if batch.pruned_at is not None:
        say(console, ("pruned      ", "dim"), f"its items were removed on {batch.pruned_at:%Y-%m-%d}")
    elif batch.dead:
        async with services.database.transaction() as session:
            found = await store.items(session, batch.id, after=0, limit=SHOWN_LETTERS, state=ItemState.DEAD)
        _letters(console, batch, found)


async def as_json(services: Services, batch: Batch) -> dict[str, Any]:
    account = await services.batches.account(batch)
    return {
        **glance_json(batch),
        "items_per_minute": account.per_minute,
        "eta_s": account.eta_s,
        "usage": bill_json(account.bill),
    }


def glance_json(batch: Batch) -> dict[str, Any]:
    return {
        "id": str(batch.id),
        "state": batch.state,
        "definition": batch.definition,
        "total": batch.total,
        **{state.value: getattr(batch, state) for state in ItemState},
        "concurrency": batch.concurrency,
        "max_attempts": batch.max_attempts,
        "created_at": batch.created_at.isoformat(),
        "finished_at": batch.finished_at.isoformat() if batch.finished_at else None,
        "pruned_at": batch.pruned_at.isoformat() if batch.pruned_at else None,
    }


def short(batch_id: UUID) -> str:
    """The head of the id; every command takes it."""
    return str(batch_id)[:8]


def _counts(batch: Batch) -> str:
    parts = [(getattr(batch, state), state.value) for state in ItemState if state is not ItemState.DEAD]
    told = [f"{number:,} {word}" for number, word in parts if number]
    if batch.dead:
        told.append(counted(batch.dead, "dead letter"))
    return ", ".join(told) + f" of {batch.total:,}"


def _took(batch: Batch, account: Account) -> str:
    if batch.finished_at is not None:
        return f" in {duration((batch.finished_at - batch.created_at).total_seconds())}"
    if account.eta_s is None:
        return ""
    return f"; {account.per_minute:,.0f} a minute, {duration(account.eta_s)} left"


def _letters(console: Console, batch: Batch, found: Sequence[BatchItem]) -> None:
    console.print()
    say(console, ("Dead letters", "bold"))
    for item in found:
        error = item.error or {}
        tries = counted(item.attempts, "attempt")
        what = one_line(f"{error.get('code')}: {error.get('message')}", 70)
        say(console, f"{item.number:>7}  ", (what, "red"), f"  ({tries}, run {str(item.pipeline_id)[:8]})")
    if batch.dead > len(found):
        say(console, f"         and {batch.dead - len(found):,} more")
    say(console, ("try them again", "dim"), indent=2)
    again = (
        f"{command('batches', 'retry', short(batch.id))} && {command('batch', '--resume', short(batch.id))}"
    )
    say(console, again, indent=4)
