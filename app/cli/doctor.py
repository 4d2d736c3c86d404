"""Carries out `doctor`: prints what the checks found."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from rich.table import Table

from app.cli.checks import backends, invariants, machine, state
from app.cli.checks.finding import Finding, Level
from app.cli.failures import Exit
from app.cli.opening import read_settings
from app.cli.output import emit, line, print_json, say, stdout
from app.settings import Settings

MARKS = {Level.OK: ("ok", "green"), Level.WARN: ("warn", "yellow"), Level.FAIL: ("FAIL", "bold red")}


def examine(*, as_json: bool, of_runs: bool = False) -> Exit:
    """`FAILED` when something needed is broken; what is optional is only a warning.

    `of_runs`: look for breaches of the invariants of all runs instead.
    """
    settings = read_settings()
    return asyncio.run(
        _examine(invariants.check(settings) if of_runs else _checks(settings), as_json=as_json)
    )


async def _examine(findings: AsyncIterator[Finding], *, as_json: bool) -> Exit:
    found = []
    async for finding in findings:
        found.append(finding)
        if not as_json:
            _show(finding)
    broken = [finding for finding in found if finding.level is Level.FAIL]
    if as_json:
        print_json({"ok": not broken, "checks": [finding.as_json() for finding in found]})
    else:
        say(stdout(), _summary(found))
    return Exit.FAILED if broken else Exit.SUCCEEDED


async def _checks(settings: Settings) -> AsyncIterator[Finding]:
    yield machine.python()
    yield await machine.git()
    async for finding in machine.sandbox(settings):
        yield finding
    yield state.folder(settings)
    yield state.disk(settings)
    yield state.seeds()
    async for finding in state.database(settings):
        yield finding
    async for finding in backends.check(settings):
        yield finding


def _show(finding: Finding) -> None:
    grid = Table.grid(padding=(0, 2, 0, 0))
    for width in (4, 18, None):
        grid.add_column(width=width)
    grid.add_row(line(MARKS[finding.level]), line(finding.name), line(finding.message))
    if finding.remedy:
        grid.add_row("", "", line(("→ ", "bold"), finding.remedy))
    emit(stdout(), grid)


def _summary(found: list[Finding]) -> str:
    counts = {level: sum(finding.level is level for finding in found) for level in Level}
    if counts[Level.FAIL]:
        return f"{counts[Level.FAIL]} of {len(found)} checks failed"
    warned = f", {counts[Level.WARN]} warnings" if counts[Level.WARN] else ""
    return f"all {len(found)} checks passed{warned}"
