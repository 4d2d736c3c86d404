"""Carries out `backends`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from app.cli.backends import SILENT, hint_for, url_of
from app.cli.failures import HINTS
from app.cli.invocation import command
from app.cli.opening import read_settings, with_services
from app.cli.output import Part, emit, explain, line, one_line, print_json, row, say, stdout, table
from app.errors import WorkbenchError
from app.llm.survey import Condition
from app.pipelines.backends import Freshness, Probed, Standing, standings
from app.services import Services
from app.settings import Settings

CONDITIONS: dict[Condition, Part] = {
    "up": ("up", "green"),
    "down": ("down", "red"),
    "not_configured": ("not set up", "yellow"),
    "not_asked": ("not asked", "yellow"),
}
FRESHNESS: dict[Freshness, Part] = {
    "never": ("never", "dim"),
    "fresh": ("fresh", "green"),
    "stale": ("stale", "yellow"),
    "unchecked": ("unchecked", "dim"),
}
SHOWN_MODELS = 3


def show_backends(*, as_json: bool) -> None:
    settings = read_settings()

    async def read(services: Services) -> list[Standing]:
        return await standings(settings, services.database, services.backends, services.circuits)

    found = with_services(settings, read)
    if as_json:
        print_json([_as_json(standing) for standing in found])
        return
    if settings.llm_disabled:
        explain(stdout(), (f"nothing was sent: {found[0].answered.problem}", "yellow"))
    _servers(found)
    for standing in found:
        _trouble(standing, settings)
    stdout().print()
    _profiles(found)


def _servers(found: Sequence[Standing]) -> None:
    made = table("backend", "state", "version", "answers in", "models", right=("answers in",))
    for standing in found:
        said = standing.answered
        row(
            made,
            said.backend,
            line(CONDITIONS[said.condition]),
            said.version or "",
            f"{said.latency_ms} ms" if said.latency_ms is not None else "",
            _models(said.models) if said.condition == "up" else "",
        )
    emit(stdout(), made)


def _models(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN_MODELS} more" if len(names) > SHOWN_MODELS else ""
    return f"{len(names)}: {', '.join(names[:SHOWN_MODELS])}{more}" if names else "none"


def _trouble(standing: Standing, settings: Settings) -> None:
    said, fault = standing.answered, standing.last_fault
    console = stdout()
    if said.condition in ("down", "not_configured"):
        silent = said.code in SILENT
        why = f"no answer at {url_of(said.backend, settings)}" if silent else said.problem or "no answer"
        explain(console, (f"{said.backend}: ", "bold"), why)
        hint = _hint(said.backend, said.code, settings)
        if hint:
            explain(console, "  ", ("→ ", "bold"), hint)
    if fault is not None:
        what = "no reply came" if fault.outcome == "open" else one_line(fault.error or fault.outcome, 120)
        explain(
            console,
            (f"{said.backend}: ", "bold"),
            f"last error {fault.at:%Y-%m-%d %H:%M} UTC, asking {fault.model}: ",
            what,
        )


def _hint(backend: str, code: str | None, settings: Settings) -> str:
    if code in HINTS:
        return HINTS[code]
    error = WorkbenchError("")
    error.code = code or ""
    return hint_for(error, backend, settings)


def _profiles(found: Sequence[Standing]) -> None:
    console = stdout()
    made = table("profile", "model", "probed", "on version", "asked with")
    made.columns[0].no_wrap, made.columns[1].overflow = True, "fold"  # a name is there to be copied
    probed = [one for standing in found for one in standing.profiles]
    for one in probed:
        row(
            made,
            one.profile,
            line(one.model, (" (not there)", "yellow")) if one.offered is False else one.model,
            line(FRESHNESS[one.freshness]),
            f"{one.server_version}, {one.probed_at:%Y-%m-%d}" if one.probed_at else "",
            ", ".join(one.modes) if one.probed_at else "",
        )
    emit(console, made)
    if old := [one.profile for one in probed if _wants_probe(one)]:
        say(console, "probe what is there and not known: ", (command("models", "probe", *old), "bold"))


def _wants_probe(one: Probed) -> bool:
    return one.freshness == "stale" or (one.freshness == "never" and one.offered is True)


def _as_json(standing: Standing) -> dict[str, Any]:
    values = asdict(standing)
    answered = values.pop("answered")
    name = answered.pop("backend")
    return {"name": name, **answered, **values}
