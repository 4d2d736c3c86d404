"""Carries out `diff`, `apply`, `discard` and `push`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from app.cli.find import find_run
from app.cli.invocation import command
from app.cli.opening import read_settings, with_services
from app.cli.output import emit, print_json, row, safe, say, stdout, table
from app.cli.person import agrees, attended, person
from app.errors import Invalid, WorkbenchError
from app.pipelines import change, discarding
from app.pipelines.change import Change
from app.pipelines.discarding import Leavings
from app.services import Services
from app.tables import Push, PushState
from app.workspace.apply import Applied
from app.workspace.changes import FileChange

STYLES = {"+": "green", "-": "red", "@": "cyan"}


class NotPushed(WorkbenchError):
    """The remote did not take it; the row says why."""

    code = "committed_not_pushed"


def show_diff(text: str, *, stat: bool, as_json: bool) -> None:
    async def read(services: Services) -> tuple[Change, tuple[FileChange, ...]]:
        return await change.diff(services.database, await find_run(services, text))

    found, changes = with_services(read_settings(), read)
    if as_json:
        print_json(diff_json(found, changes))
    elif stat:
        _show_stat(stdout(), changes)
    elif sys.stdout.isatty():
        _show_lines(stdout(), "".join(one.diff for one in changes))
    else:  # a patch: as it is, since escapes would change what it does
        sys.stdout.write("".join(one.diff for one in changes))


def diff_json(found: Change, changes: Sequence[FileChange]) -> dict[str, Any]:
    return {
        "base": found.base,
        "files": [
            {"path": c.path, "status": c.status, "added": c.added, "removed": c.removed, "diff": c.diff}
            for c in changes
        ],
    }


def apply(text: str, *, index: bool, as_json: bool) -> None:
    async def act(services: Services) -> Applied:
        return await change.apply(services.database, await find_run(services, text), index=index)

    done = with_services(read_settings(), act)
    if as_json:
        print_json({"written": done.written, "merged": done.merged, "present": done.present})
        return
    console = stdout()
    for path in done.written:
        note = ("  merged with your changes", "yellow") if path in done.merged else ""
        say(console, ("wrote ", "green"), path, note)
    for path in done.present:
        say(console, (f"as it was  {safe(path)}", "dim"))
    if not done.written:
        say(console, "nothing was left to do")


def discard(text: str, *, yes: bool, as_json: bool) -> None:
    async def find(services: Services) -> tuple[Any, Leavings]:
        run_id = await find_run(services, text)
        return run_id, await discarding.look(services.database, run_id)

    settings = read_settings()
    run_id, leavings = with_services(settings, find)
    if not yes:
        what = f"branch {leavings.branch} and the files" if leavings.branch else "the files"
        if not attended(as_json=as_json):
            raise Invalid(f"this deletes {what} of run {run_id}: say so with --yes")
        if not agrees(f"Delete {what} of run {run_id}?"):
            say(stdout(), "nothing was deleted")
            return

    async def act(services: Services) -> Leavings:
        return await discarding.discard(services.database, settings.state_dir, run_id, person())

    done = with_services(settings, act)
    if as_json:
        print_json({"id": str(run_id), "branch": done.branch, "commit": done.commit, "remote": done.remote})
        return
    say(stdout(), ("discarded ", "yellow"), str(run_id), f"  {done.branch}" if done.branch else "")
    if done.remote:
        say(stdout(), f"its branch stays on {done.remote}: delete it there")


def push(text: str, *, as_json: bool) -> None:
    async def act(services: Services) -> Push:
        return await services.pusher.push(await find_run(services, text))

    done = with_services(read_settings(), act)
    if as_json:
        print_json(push_json(done))
    elif done.state == PushState.PUSHED:
        say(stdout(), ("pushed ", "green"), done.branch, " to ", done.url)
    if done.state != PushState.PUSHED:
        raise NotPushed(str(done.error), hint=f"it is tried again; to do it now: `{command('push', text)}`")


def push_json(row: Push) -> dict[str, Any]:
    return {
        "url": row.url,
        "branch": row.branch,
        "commit": row.commit,
        "state": row.state,
        "error": row.error,
        "attempts": row.attempts,
        "updated_at": row.updated_at.isoformat(),
    }


def _show_stat(console: Console, changes: Sequence[FileChange]) -> None:
    made = table("file", "", "+", "-", right=("+", "-"))
    for one in changes:
        row(made, one.path, one.status, one.added, one.removed)
    emit(console, made)
    added, removed = sum(one.added for one in changes), sum(one.removed for one in changes)
    say(console, f"{len(changes)} files, {added} lines more, {removed} lines less")


def _show_lines(console: Console, text: str) -> None:
    for line in text.splitlines():
        head = line.startswith(("--- ", "+++ "))
        say(console, (line, "bold" if head else STYLES.get(line[:1], "")))
