"""Carries out `seed`: migrations, then the rows of seeds/."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from app.cli.opening import opened_database, read_settings
from app.cli.output import print_json, say, stdout
from app.db import Database
from app.llm.caller import LLMCaller
from app.pipelines.phases import Tools, create_kinds
from app.pipelines.phases.kind import PhaseKind
from app.rendering.renderer import Renderer
from app.seeding.files import load_seeds
from app.seeding.rows import Report, seed
from app.settings import Settings
from app.usage.recorder import UsageRecorder
from app.workspace.sandbox import Sandbox


def seed_database(*, as_json: bool) -> None:
    report = asyncio.run(_seed(read_settings()))
    if as_json:
        print_json({"changes": report.changed, "kept": report.kept})
        return
    console = stdout()
    for entry in report.changed:
        say(console, ("+ ", "green"), entry)
    for entry in report.kept:
        say(console, ("= ", "yellow"), entry, ("  kept: a person edited it", "dim"))
    say(console, f"{len(report.changed)} changes")


async def _seed(settings: Settings) -> Report:
    """Not through `open_services`: that seeds too, and then there is nothing left to report."""
    seeds = load_seeds()
    async with opened_database(settings) as database:
        await database.migrate()
        return await seed(database, seeds, _kinds(settings, database))


def _kinds(settings: Settings, database: Database) -> dict[str, PhaseKind]:
    """The phase kinds, to check definitions with; none of them runs."""
    return create_kinds(
        Tools(
            database=database,
            caller=LLMCaller(settings, {}, UsageRecorder(database)),
            renderer=Renderer(),
            sandbox=Sandbox(),
            state_dir=settings.state_dir,
            python=Path(sys.executable),
            demo_digests={},
        )
    )
