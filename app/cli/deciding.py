"""Carries out `waits`, `approve` and `reject`: what people have to decide, and how they do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import RenderableType

from app.cli import view as views
from app.cli.approval import look_at, page
from app.cli.controlling import show_standing
from app.cli.failures import Exit
from app.cli.find import find_run
from app.cli.invocation import command
from app.cli.opening import read_settings, with_services
from app.cli.output import emit, print_json, row, say, stdout, table
from app.cli.person import agrees, attended, person
from app.cli.waiting import deadline, show_decisions, show_files, show_wait, steps, subject, wait_json
from app.digests import writable
from app.errors import Conflict, Invalid, unknown
from app.pipelines import waits
from app.pipelines.waits import Verdict
from app.services import Services
from app.tables import Pipeline, Wait, WaitReason

MOST = 1000
"""How many open waits are listed."""


@dataclass(frozen=True)
class Shown:
    """What is open, and what there is to look at."""

    wait: Wait
    parts: list[RenderableType]


def list_waits(text: str | None, reason: str | None, *, as_json: bool) -> None:
    """What is open, or everything that one run asked for."""
    if reason is not None and reason not in set(WaitReason):
        raise unknown("reason", reason, list(WaitReason))
    wanted = None if reason is None else WaitReason(reason)

    async def read(services: Services) -> Sequence[Wait]:
        run_id = None if text is None else await find_run(services, text)
        async with services.database.transaction() as session:
            if run_id is None:
                return await waits.page(session, limit=MOST, reason=wanted)
            found = await waits.of_run(session, run_id)
            return [wait for wait in found if wanted in (None, wait.reason)]

    found = with_services(read_settings(), read)
    if as_json:
        print_json([wait_json(wait) for wait in found])
    elif not found:
        say(stdout(), "nothing waits for a decision" if text is None else "the run asked for nothing")
    else:
        _list(found, text)


def decide(text: str, *, granted: bool, sha256: str | None, comment: str | None, as_json: bool) -> Exit:
    """Without `sha256` a person at a terminal is shown what is to be granted, and asked."""
    settings = read_settings()
    said = writable(comment).strip() if comment else ""
    content = sha256
    if granted and content is None:
        can_look = attended(as_json=as_json)
        shown = with_services(settings, lambda services: _look(services, text, attended=can_look))
        if shown is not None and can_look and not _agreed(shown):
            say(stdout(), "nothing is decided")
            return Exit.FAILED
        content = shown.wait.content_sha256 if shown is not None else None
    verdict = Verdict(granted, person(), said or None, content)

    async def act(services: Services) -> tuple[Pipeline, int]:
        run_id = await find_run(services, text)
        _check_decidable((await views.read(services, run_id)).open_wait, text)
        return await services.pipelines.decide(run_id, verdict), await services.pipelines.workers()

    run, workers = with_services(settings, act)
    show_standing(run, workers, as_json=as_json)
    return Exit.SUCCEEDED


async def _look(services: Services, text: str, *, attended: bool) -> Shown | None:
    """None: nothing is open. Raises `Invalid` where nobody can look at what an approval is for."""
    view = await views.read(services, await find_run(services, text))
    wait = view.open_wait
    if wait is None:
        return None
    _check_decidable(wait, text)
    if not attended and wait.content_sha256 is not None:
        raise Invalid(
            "an approval is for exactly one content: say with --sha256 which one you looked at",
            hint=f"`{command('waits', views.head(view.run), '--json')}` shows it, with its content_sha256; "
            "on a terminal `approve` shows it and asks",
        )
    is_approval = attended and wait.content_sha256 is not None
    return Shown(wait, await look_at(services, view, wait) if is_approval else [])


def _check_decidable(wait: Wait | None, run: str) -> None:
    """Nobody can say yes or no to an event."""
    if wait is not None and wait.reason == WaitReason.EVENT:
        [(_, how)] = steps(wait, run)
        raise Conflict(f"the run waits for {subject(wait)}, not for a decision", hint=f"`{how}`")


def _agreed(shown: Shown) -> bool:
    console = stdout()
    if shown.parts:
        page(console, shown.parts)
    show_wait(console, shown.wait)
    content = shown.wait.content_sha256
    question = f"Approve exactly this (content {content[:12]}…)?" if content else "Grant it?"
    return agrees(question)


def _list(found: Sequence[Wait], text: str | None) -> None:
    console = stdout()
    pending = [wait for wait in found if wait.decided_at is None]
    if pending:
        made = table("run", "waits for", "phase", "since (UTC)", "deadline", "content")
        for wait in pending:
            since = f"{wait.asked_at:%Y-%m-%d %H:%M}"
            content = (wait.content_sha256 or "")[:12]
            run = str(wait.pipeline_id)[:8]
            row(made, run, subject(wait), wait.phase, since, deadline(wait), content)
        emit(console, made)
    if text is not None:
        for wait in pending:
            show_files(console, wait)
        show_decisions(console, found)
    elif pending:
        say(console, ("look at one, and decide: ", "dim"), command("show", str(pending[0].pipeline_id)[:8]))
