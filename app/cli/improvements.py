"""Carries out `improvements`: list, show, control."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from app.cli.batch_ending import short
from app.cli.find import find_improvement
from app.cli.improvement_view import as_json_of, say_ending, say_ordered, say_steps
from app.cli.invocation import command
from app.cli.opening import read_settings, with_services
from app.cli.output import emit, one_line, print_json, row, say, stdout, table
from app.pipelines.improvements import standing
from app.pipelines.improvements.standing import Standing
from app.services import Services
from app.tables import Batch, Improvement

Action = Literal["pause", "resume", "cancel"]
NUMBERS = ("epics", "green", "red")


def list_improvements(limit: int, *, as_json: bool) -> None:
    async def read(services: Services) -> Sequence[tuple[Improvement, Batch]]:
        async with services.database.transaction() as session:
            return await standing.page(session, after=None, limit=limit)

    found = with_services(read_settings(), read)
    if as_json:
        print_json([_glance(one, batch) for one, batch in found])
        return
    if not found:
        say(stdout(), f"no improvements yet; `{command('improve', 'GOAL')}` orders one")
        return
    made = table("improvement", "state", *NUMBERS, "created (UTC)", "goal", right=NUMBERS)
    for one, batch in found:
        state = standing.state_of(one, batch)
        created = f"{batch.created_at:%Y-%m-%d %H:%M}"
        row(
            made,
            short(batch.id),
            state,
            batch.total,
            batch.succeeded,
            batch.dead,
            created,
            one_line(one.goal, 60),
        )
    emit(stdout(), made)


def show(text: str, *, as_json: bool) -> None:
    async def read(services: Services) -> Standing:
        return await services.improvements.get(await find_improvement(services, text))

    found = with_services(read_settings(), read)
    if as_json:
        print_json(as_json_of(found))
        return
    say_ordered(stdout(), found, None)
    say_steps(stdout(), found)
    say_ending(stdout(), found)


def control(text: str, action: Action) -> None:
    async def act(services: Services) -> Standing:
        found = await find_improvement(services, text)
        match action:
            case "pause":
                return await services.improvements.pause(found)
            case "resume":
                return await services.improvements.resume(found)
            case "cancel":
                return await services.improvements.cancel(found)

    found = with_services(read_settings(), act)
    batch = found.batch
    say(
        stdout(),
        f"improvement {short(batch.id)} is {found.state}: {batch.pending} to do, {batch.running} under way",
    )


def _glance(one: Improvement, batch: Batch) -> dict[str, object]:
    return {
        "id": str(batch.id),
        "state": standing.state_of(one, batch),
        "stopped": one.stopped,
        "goal": one.goal,
        "total": batch.total,
        "succeeded": batch.succeeded,
        "dead": batch.dead,
        "created_at": batch.created_at.isoformat(),
        "finished_at": batch.finished_at.isoformat() if batch.finished_at else None,
    }
