"""Carries out `seed`: migrations, then the rows of seeds/."""

from __future__ import annotations

from app.cli.opening import read_settings, with_services
from app.cli.output import print_json, say, stdout
from app.seeding.rows import Report
from app.services import Services


def seed_database(*, as_json: bool) -> None:
    report = with_services(read_settings(), _report)
    if as_json:
        print_json({"changes": report.changed, "kept": report.kept})
        return
    console = stdout()
    for entry in report.changed:
        say(console, ("+ ", "green"), entry)
    for entry in report.kept:
        say(console, ("= ", "yellow"), entry, ("  kept: a person edited it", "dim"))
    say(console, f"{len(report.changed)} changes")


async def _report(services: Services) -> Report:
    return services.seeded
