"""Carries out `pause`, `resume`, `cancel` and `event`: tell a run something, whoever works on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

from app.cli.find import find_run
from app.cli.invocation import command
from app.cli.opening import read_settings, with_services
from app.cli.output import Part, print_json, say, stdout
from app.cli.person import person
from app.cli.view import row_json
from app.services import Services
from app.tables import Asked, Pipeline, State

Change = Callable[[Services, UUID], Awaitable[object]]


def pause(text: str, *, as_json: bool) -> None:
    _tell(text, lambda services, run: services.pipelines.pause(run), as_json=as_json)


def resume(text: str, *, as_json: bool) -> None:
    _tell(text, lambda services, run: services.pipelines.resume(run), as_json=as_json)


def cancel(text: str, *, as_json: bool) -> None:
    _tell(text, lambda services, run: services.pipelines.cancel(run), as_json=as_json)


def send_event(text: str, name: str, data: Mapping[str, Any], *, as_json: bool) -> None:
    by = person()
    _tell(text, lambda services, run: services.pipelines.receive(run, name, data, by), as_json=as_json)


def _tell(text: str, change: Change, *, as_json: bool) -> None:
    async def act(services: Services) -> tuple[Pipeline, int]:
        run_id = await find_run(services, text)
        await change(services, run_id)
        return await services.pipelines.get(run_id), await services.pipelines.workers()

    run, workers = with_services(read_settings(), act)
    show_standing(run, workers, as_json=as_json)


def show_standing(run: Pipeline, workers: int, *, as_json: bool) -> None:
    """Where the run stands now, and what happens next."""
    if as_json:
        print_json(row_json(run))
        return
    state = f"{run.state} ({run.reason})" if run.reason else run.state
    say(stdout(), ("run ", "dim"), str(run.id), "  ", (state, "bold"))
    for parts in _next(run, workers):
        say(stdout(), *parts)


def _next(run: Pipeline, workers: int) -> list[list[Part]]:
    head = str(run.id)[:8]
    match State(run.state):
        case State.RUNNING if run.asked == Asked.PAUSE:
            return [["the phase under way ends first, then the run pauses"]]
        case State.RUNNING if run.asked == Asked.CANCEL:
            return [["its worker stops the phase under way"]]
        case State.QUEUED if workers:
            return [["a worker goes on with it; see how: ", command("show", head)]]
        case State.QUEUED:
            return [
                ["no worker is alive: ", command("worker"), " starts one,"],
                ["or work on it here: ", command("run", "--resume", head)],
            ]
        case State.PAUSED:
            return [["go on: ", command("resume", head)]]
        case _:
            return []
