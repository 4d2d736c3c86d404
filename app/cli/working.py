"""Carries out `demo`, `run` and `retry`: check what is needed, create the run, follow it, show its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from rich.console import Console

from app.cli import view as views
from app.cli.backends import load_snapshot, profile_of, require_ready
from app.cli.ending import show_ending
from app.cli.epic import read_epic
from app.cli.failures import Exit
from app.cli.find import find_run
from app.cli.follow import Left, exit_code, follow, say_left
from app.cli.invocation import command
from app.cli.opening import read_settings, with_services
from app.cli.options import BackendChoice
from app.cli.output import one_line, print_json, say, stdout
from app.cli.registering import tell_detected
from app.cli.repository import given, project_for
from app.cli.view import RunView, head
from app.cli.waiting import steps, subject
from app.errors import Conflict
from app.pipelines import events
from app.pipelines.creation import NEEDS_PROJECT
from app.pipelines.retrying import Again
from app.pipelines.service import check_epic, is_finished
from app.pipelines.snapshot import PolicyDraft, Snapshot
from app.pipelines.states import check_move
from app.seeding.demo import SAMPLE_EPIC
from app.services import SAMPLE_PROJECT, Services
from app.settings import Settings
from app.tables import Pipeline, State, Target


@dataclass(frozen=True)
class Order:
    """What a person wants to have built, where and by which model."""

    epic: str
    repo: Path | None
    definition: str
    backend: BackendChoice | None
    profile: str | None
    project: str | None
    test_command: str | None
    python: Path | None
    escalate_to_paid: bool | None
    fall_back_to_local: bool | None

    @property
    def policy(self) -> PolicyDraft:
        return PolicyDraft(escalate_to_paid=self.escalate_to_paid, fall_back_to_local=self.fall_back_to_local)


def demo(backend: BackendChoice | None, profile: str | None, *, as_json: bool) -> Exit:
    """The sample epic on the sample repository."""
    settings = read_settings(demo=True)
    if backend is None and profile is None:
        backend = BackendChoice.RECORDED

    async def create(services: Services) -> Pipeline:
        answers = profile_of(settings, backend, profile)
        await require_ready(services, await load_snapshot(services, "software", answers), backend)
        await services.register_sample()
        return await services.pipelines.create(
            SAMPLE_EPIC, definition="software", project=SAMPLE_PROJECT, profile=answers
        )

    return _carry_out(settings, create, Target.END, as_json=as_json)


def run(order: Order, *, step: bool, as_json: bool) -> Exit:
    """A new run on the repository of the order."""
    epic = check_epic(read_epic(order.epic))
    settings = read_settings()

    async def create(services: Services) -> Pipeline:
        answers = profile_of(settings, order.backend, order.profile)
        snapshot = await load_snapshot(services, order.definition, answers)
        project = await _project(services, order, snapshot)
        await require_ready(services, snapshot, order.backend)
        return await services.pipelines.create(
            epic, definition=order.definition, project=project, profile=answers, policy=order.policy
        )

    return _carry_out(settings, create, _target(step), as_json=as_json)


def resume(text: str, *, step: bool, as_json: bool) -> Exit:
    """Go on with a run that is paused, new, or was left by its worker."""

    async def find(services: Services) -> Pipeline:
        run = await services.pipelines.get(await find_run(services, text))
        if is_finished(run):
            check_move(State(run.state), State.QUEUED)
        if wait := (await views.read(services, run.id)).open_wait:
            how = " or ".join(f"`{step}`" for _, step in steps(wait, head(run)))
            raise Conflict(f"the run waits for {subject(wait)}", hint=how)
        return run

    return _carry_out(read_settings(), find, _target(step), as_json=as_json)


def retry(text: str, again: Again, *, start: bool, as_json: bool) -> Exit:
    """A new run that goes on from a phase of a finished one."""
    settings = read_settings()

    async def create(services: Services) -> Pipeline:
        return await services.pipelines.retry(await find_run(services, text), again)

    if start:
        return _carry_out(settings, create, Target.END, as_json=as_json)
    run = with_services(settings, create)
    if as_json:
        print_json(views.row_json(run))
    else:
        say(stdout(), ("run ", "dim"), str(run.id), "  ", (run.state, "bold"))
        say(stdout(), "start it: ", command("run", "--resume", head(run)))
    return Exit.SUCCEEDED


def _carry_out(
    settings: Settings,
    get_run: Callable[[Services], Awaitable[Pipeline]],
    target: Target,
    *,
    as_json: bool,
) -> Exit:
    async def work(services: Services) -> Exit:
        run = await get_run(services)
        console = None if as_json else stdout()
        if console:
            _announce(console, await views.read(services, run.id))
        seen = run.event_count
        if run.state not in (State.QUEUED, State.RUNNING):
            await services.pipelines.start(run.id, target, wake_up=False)
        try:
            view = await follow(services, run.id, console, seen=seen)
        except Left:
            return say_left(run.id)
        if console:
            show_ending(console, view)
        else:
            print_json(await full_json(services, run.id))
        return exit_code(view)

    return with_services(settings, work)


async def full_json(services: Services, run_id: UUID) -> dict[str, object]:
    """The run with its events."""
    view = await views.read(services, run_id)
    async with services.database.transaction() as session:
        found = await events.since(session, run_id, 0, limit=10_000)
    told = [{"seq": e.seq, "kind": e.kind, "at": e.at.isoformat(), "data": e.data} for e in found]
    return {**views.as_json(view), "events": told}


async def _project(services: Services, order: Order, snapshot: Snapshot) -> str | None:
    needed = any(spec.kind in NEEDS_PROJECT or spec.apply for spec in snapshot.phases)
    if not needed and order.repo is None and order.project is None:
        return None
    return await project_for(
        services,
        repo=order.repo,
        name=order.project,
        changes=given(test_command=order.test_command, python=order.python),
        tell=tell_detected,
    )


def _announce(console: Console, view: RunView) -> None:
    """What is about to happen, and who answers."""
    say(console, (one_line(view.run.epic_description, 200), "bold"))
    say(console, ("run         ", "dim"), str(view.run.id))
    if view.project:
        say(console, ("repository  ", "dim"), view.project.path)
    phases = " → ".join(spec.name for spec in view.snapshot.phases)
    say(console, ("pipeline    ", "dim"), f"{view.run.definition}: {phases}")
    say(console, ("answers     ", "dim"), *_answers(view))
    console.print()


def _answers(view: RunView) -> list[str | tuple[str, str]]:
    profiles = {spec.profile.name: spec.profile for spec in view.snapshot.phases if spec.profile}
    if {profile.backend for profile in profiles.values()} == {"recorded"}:
        return [("recorded: no model is called", "cyan")]
    return ["; ".join(f"{found.model} ({found.backend})" for found in profiles.values()) or "no model"]


def _target(step: bool) -> Target:
    return Target.STEP if step else Target.END
