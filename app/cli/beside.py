"""Carries out `compare`: several runs in one report."""

from __future__ import annotations

from collections.abc import Sequence

from app.cli.find import find_run
from app.cli.lines import duration
from app.cli.opening import read_settings, with_services
from app.cli.output import emit, line, one_line, print_json, row, say, stdout, table
from app.cli.view import head
from app.pipelines.comparison import PhaseFigures, RunFigures, figures_of
from app.services import Services
from app.tables import Outcome

FIGURES = ("passed at once", "sent back", "calls", "tokens in", "tokens out", "cost", "time")


def compare(texts: Sequence[str], *, as_json: bool) -> None:
    async def read(services: Services) -> list[RunFigures]:
        ids = [await find_run(services, text) for text in texts]
        async with services.database.transaction() as session:
            return await figures_of(session, ids)

    found = with_services(read_settings(), read)
    if as_json:
        print_json([figures.as_json() for figures in found])
        return
    _show(found)


def _show(found: Sequence[RunFigures]) -> None:
    console = stdout()
    made = table("run", "definition", "state", *FIGURES, right=FIGURES)
    for figures in found:
        style = "green" if figures.run.state == "succeeded" else "red"
        row(made, head(figures.run), figures.run.definition, line((figures.run.state, style)), *_row(figures))
    emit(console, made)
    for figures in found:
        say(console)
        say(console, (figures.run.definition, "bold"), f"  {one_line(figures.run.epic_description, 100)}")
        for phase in figures.phases:
            emit(console, line("  ", (f"{phase.name:<16}", ""), _marks(phase), "  ", (_cost(phase), "dim")))
            for issue in phase.issues:
                emit(console, line("      - ", (one_line(issue, 140), "yellow")))


def _row(figures: RunFigures) -> list[object]:
    total = figures.total
    return [
        f"{figures.at_once} of {len(figures.phases)}",
        sum(phase.sent_back for phase in figures.phases),
        total.calls,
        f"{total.tokens.total_input:,}",
        f"{total.tokens.output:,}",
        f"${total.cost_usd:.4f}" + (" + unknown" if total.unpriced else ""),
        duration(figures.seconds),
    ]


def _marks(phase: PhaseFigures) -> str:
    return ", ".join("sent back" if Outcome(one) in _BACK else one for one in phase.outcomes)


def _cost(phase: PhaseFigures) -> str:
    if phase.bill is None:
        return ""
    return f"{phase.bill.tokens.total_input:,} → {phase.bill.tokens.output:,}"


_BACK = (Outcome.REJECTED, Outcome.SUSPECT)
