"""Carries out `improve`: order it, work on it in this process, tell each epic as it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from app.cli.backends import load_snapshot, profile_of, require_ready
from app.cli.batching import Left, at_work
from app.cli.epic import read_epic
from app.cli.failures import Exit
from app.cli.find import find_improvement
from app.cli.improvement_view import ImprovementProgress, as_json_of, say_ending, say_left, say_ordered
from app.cli.interruption import on_signal
from app.cli.opening import read_settings, with_services
from app.cli.options import BackendChoice
from app.cli.output import print_json, say, stderr, stdout
from app.cli.repository import provide_project
from app.errors import Invalid
from app.pipelines.improvements.order import ImprovementOrder, epics_of
from app.pipelines.improvements.standing import Standing
from app.pipelines.snapshot import PolicyDraft
from app.services import Services
from app.settings import Settings

LOOK_S = 0.5


@dataclass(frozen=True)
class Wish:
    """What a person asked for."""

    goal: str | None
    file: Path | None
    count: int | None
    budget_usd: Decimal | None
    budget_tokens: int | None
    max_failures: int
    definition: str
    project: str
    backend: BackendChoice | None
    profile: str | None
    escalate_to_paid: bool | None
    fall_back_to_local: bool | None

    def order(self, profile: str | None) -> ImprovementOrder:
        """Raises `Invalid` when a file can not be read or holds no epic."""
        return ImprovementOrder(
            goal=read_epic(self.goal).strip() if self.goal is not None else None,
            epics=_epics(self.file) if self.file is not None else (),
            count=self.count,
            project=self.project,
            definition=self.definition,
            profile=profile,
            policy=PolicyDraft(
                escalate_to_paid=self.escalate_to_paid, fall_back_to_local=self.fall_back_to_local
            ),
            max_usd=self.budget_usd,
            max_tokens=self.budget_tokens,
            max_failures=self.max_failures,
        )


def run(wish: Wish, *, detach: bool, as_json: bool) -> Exit:
    """A new improvement."""
    settings = read_settings()

    async def create(services: Services) -> Standing:
        profile = profile_of(settings, wish.backend, wish.profile)
        order = wish.order(profile)
        await provide_project(services, wish.project)
        await require_ready(services, await load_snapshot(services, wish.definition, profile), wish.backend)
        return await services.improvements.create(order)

    if not detach:
        return _carry_out(settings, create, as_json=as_json)

    async def only_create(services: Services) -> Exit:
        standing = await create(services)
        if as_json:
            print_json(as_json_of(standing))
        else:
            say_ordered(stdout(), standing, await services.pipelines.workers())
        return Exit.SUCCEEDED

    return with_services(settings, only_create)


def resume(text: str, *, as_json: bool) -> Exit:
    """Go on with one that was left, or paused."""

    async def find(services: Services) -> Standing:
        standing = await services.improvements.get(await find_improvement(services, text))
        if standing.state == "paused":
            standing = await services.improvements.resume(standing.batch.id)
        return standing

    return _carry_out(read_settings(), find, as_json=as_json)


def _carry_out(settings: Settings, get: Callable[[Services], Awaitable[Standing]], *, as_json: bool) -> Exit:
    async def work(services: Services) -> Exit:
        standing = await get(services)
        if not as_json:
            say_ordered(stdout(), standing, None)
        try:
            standing = await _follow(services, standing, shown=not as_json)
        except Left:
            return say_left(standing)
        if as_json:
            print_json(as_json_of(standing))
        else:
            say_ending(stdout(), standing)
        return exit_code(standing)

    return with_services(settings, work)


def exit_code(standing: Standing) -> Exit:
    match standing.state:
        case "finished":
            return Exit.FAILED if standing.batch.dead else Exit.SUCCEEDED
        case "stopped":
            return Exit.FAILED
        case _:
            return Exit.CANCELLED


async def _follow(services: Services, standing: Standing, *, shown: bool) -> Standing:
    """Work on it until it ends or is paused. The first Ctrl-C drains, the second leaves at once."""
    leaving = asyncio.Event()
    try:
        with on_signal(leaving.set):
            async with at_work(services):
                ended = await _watch(services, standing, leaving, shown=shown)
    except asyncio.CancelledError:
        raise Left from None
    if ended is None:
        raise Left
    return ended


async def _watch(
    services: Services, standing: Standing, leaving: asyncio.Event, *, shown: bool
) -> Standing | None:
    """None: the person leaves."""
    with ImprovementProgress(stdout(), shown=shown) as progress:
        while not leaving.is_set():
            standing = await services.improvements.get(standing.batch.id)
            progress.update(standing)
            resting = standing.state == "paused" and not standing.batch.running
            if standing.batch.finished_at or resting:
                return standing
            with suppress(TimeoutError):
                await asyncio.wait_for(leaving.wait(), LOOK_S)
    say(stderr(), ("what is under way ends first; Ctrl-C again leaves at once", "yellow"))
    return None


def _epics(file: Path) -> tuple[str, ...]:
    found = epics_of(read_epic("-" if str(file) == "-" else f"@{file}").splitlines())
    if not found:
        raise Invalid(f"{file} holds no epic: write one per line", place="from")
    return found
