"""Carries out `runs` and `show`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from uuid import UUID

from app.artifacts import store as artifacts
from app.cli import view as views
from app.cli.ending import show_ending
from app.cli.find import find_run
from app.cli.invocation import command
from app.cli.lines import duration, finished
from app.cli.opening import read_settings, with_services
from app.cli.output import emit, one_line, print_json, row, safe, say, stdout, table
from app.cli.saving import save_files
from app.cli.view import RunView, row_json
from app.cli.working import full_json
from app.errors import unknown
from app.pipelines import documents, events, pushing, store
from app.services import Services
from app.tables import Pipeline, Push, PushState, State


def list_runs(limit: int, state: str | None, *, as_json: bool) -> None:
    if state is not None and state not in set(State):
        raise unknown("state", state, list(State))

    async def read(services: Services) -> tuple[list[Pipeline], Mapping[UUID, Push]]:
        async with services.database.transaction() as session:
            wanted = None if state is None else State(state)
            rows = list(await store.page(session, after=None, limit=limit, state=wanted))
            return rows, await pushing.of_runs(session, [run.id for run in rows])

    found, pushes = with_services(read_settings(), read)
    if as_json:
        states = {run: push.state for run, push in pushes.items()}
        print_json([{**row_json(run), "push": states.get(run.id)} for run in found])
        return
    if not found:
        say(stdout(), f"no runs yet; `{command('demo')}` makes one")
        return
    made = table("run", "state", "definition", "started (UTC)", "epic")
    for run in found:
        state_text = _standing(run, pushes.get(run.id))
        started = f"{run.created_at:%Y-%m-%d %H:%M}"
        row(made, str(run.id)[:8], state_text, run.definition, started, one_line(run.epic_description, 70))
    emit(stdout(), made)


def _standing(run: Pipeline, push: Push | None) -> str:
    if run.discarded_at is not None:
        return f"{run.state}, discarded"
    if push is not None and push.state != PushState.PUSHED:
        return f"{run.state}, not pushed"
    return f"{run.state} ({run.reason})" if run.reason else run.state


def show_run(
    text: str,
    *,
    document: str | None,
    artifact: str | None,
    with_events: bool,
    save_to: Path | None,
    as_json: bool,
) -> None:
    async def act(services: Services) -> None:
        run_id = await find_run(services, text)
        if save_to is not None:
            await save_files(services, run_id, save_to, as_json=as_json)
        elif as_json:
            print_json(await full_json(services, run_id))
        elif artifact is not None:
            async with services.database.transaction() as session:
                print_json((await artifacts.get(session, run_id, artifact)).body)
        elif document is not None:
            rendered = await documents.render(services.database, services.renderer, run_id, document)
            sys.stdout.write(safe(rendered).rstrip("\n") + "\n")
        elif with_events:
            await _events(services, await views.read(services, run_id))
        else:
            _show(await views.read(services, run_id))

    with_services(read_settings(), act)


def _show(view: RunView) -> None:
    console = stdout()
    say(console, (one_line(view.run.epic_description, 200), "bold"))
    if view.project:
        say(console, ("repository  ", "dim"), view.project.path)
    say(console, ("pipeline    ", "dim"), view.run.definition)
    say(
        console,
        ("started     ", "dim"),
        f"{view.run.created_at:%Y-%m-%d %H:%M:%S} UTC, {duration(view.seconds)}",
    )
    if view.run.pruned_at:
        say(console, ("pruned      ", "dim"), _pruned(view.run.pruned_at))
    console.print()
    for phase in view.phases:
        for part in finished(view, phase):
            emit(console, part)
    show_ending(console, view)


def _pruned(at: datetime) -> str:
    return f"its events, deliveries, files and earlier artifact versions were removed on {at:%Y-%m-%d}"


async def _events(services: Services, view: RunView) -> None:
    async with services.database.transaction() as session:
        found = await events.since(session, view.run.id, 0, limit=10_000)
    console = stdout()
    if view.run.pruned_at:
        say(console, _pruned(view.run.pruned_at))
    for event in found:
        data = json.dumps(event.data, ensure_ascii=True) if event.data else ""
        say(console, (f"{event.seq:>4}  {event.at:%H:%M:%S}  ", "dim"), f"{event.kind:<15} ", data)
