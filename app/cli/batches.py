"""Carries out `batches`: list, show, take the results, control."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from app.cli.batch_ending import as_json as batch_json
from app.cli.batch_ending import glance_json, short, show_batch
from app.cli.batch_files import format_of, write
from app.cli.find import find_batch
from app.cli.invocation import command
from app.cli.opening import read_settings, with_services
from app.cli.output import emit, print_json, row, say, stdout, table
from app.pipelines.batches import store
from app.pipelines.batches.inputs import Format
from app.services import Services
from app.tables import Batch, ItemState

Action = Literal["retry", "pause", "resume", "cancel"]
NUMBERS = ("inputs", "pending", "running", "succeeded", "dead", "cancelled")


def list_batches(limit: int, *, as_json: bool) -> None:
    async def read(services: Services) -> Sequence[Batch]:
        async with services.database.transaction() as session:
            return await store.page(session, after=None, limit=limit)

    found = with_services(read_settings(), read)
    if as_json:
        print_json([glance_json(batch) for batch in found])
        return
    if not found:
        example = command("batch", "inputs.jsonl", "--definition", "NAME")
        say(stdout(), f"no batches yet; `{example}` makes one")
        return
    made = table("batch", "state", "definition", "created (UTC)", *NUMBERS, right=NUMBERS)
    for batch in found:
        counts = [f"{getattr(batch, state):,}" for state in ItemState]
        created = f"{batch.created_at:%Y-%m-%d %H:%M}"
        row(made, short(batch.id), batch.state, batch.definition, created, f"{batch.total:,}", *counts)
    emit(stdout(), made)


def show(text: str, *, as_json: bool) -> None:
    async def act(services: Services) -> None:
        batch = await services.batches.get(await find_batch(services, text))
        if as_json:
            print_json(await batch_json(services, batch))
            return
        say(stdout(), ("batch       ", "dim"), str(batch.id))
        say(stdout(), ("pipeline    ", "dim"), batch.definition)
        say(
            stdout(), ("terms       ", "dim"), f"{batch.concurrency:,} at once, {batch.max_attempts} attempts"
        )
        await show_batch(services, batch)

    with_services(read_settings(), act)


def write_results(text: str, out: Path | None, form: str | None, state: str | None) -> None:
    written = Format(form) if form else format_of(out or Path("-"))

    async def act(services: Services) -> None:
        batch_id = await find_batch(services, text)
        await write(services.database, batch_id, written, ItemState(state) if state else None, out)

    with_services(read_settings(), act)


def control(text: str, action: Action) -> None:
    async def act(services: Services) -> tuple[Batch, int]:
        batch_id = await find_batch(services, text)
        batch = await getattr(services.batches, action)(batch_id)
        return batch, await services.pipelines.workers()

    batch, workers = with_services(read_settings(), act)
    say(
        stdout(),
        f"batch {short(batch.id)} is {batch.state}: {batch.pending:,} pending, {batch.running:,} running",
    )
    if batch.state == "open" and not workers:
        say(stdout(), "no worker is alive; work on it here: ", command("batch", "--resume", short(batch.id)))
