"""What a comparison of the channels for code found, as a table and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from app.cli.invocation import command
from app.cli.output import emit, explain, row, say, stdout, table
from app.cli.probe_view import share
from app.llm.channels.comparison import Tally
from app.pipelines.comparing import Compared, Prepared

FIGURES = ("valid", "at once", "re-asks", "tokens out", "median")


def show(prepared: Prepared, compared: Compared) -> None:
    console, profile, best = stdout(), prepared.profile, compared.comparison.best
    say(console, (profile.name, "bold"), f"  {profile.model} on {profile.backend}")
    made = table("channel", *FIGURES, "failures", "", right=FIGURES)
    for tally in compared.comparison.tallies:
        mark = "best" if tally.channel == best else ""
        row(made, tally.channel, *_figures(tally), _failures(tally), mark)
    emit(console, made)
    for code, message in compared.why.items():
        explain(console, (f"{code}: ", "dim"), message)
    if best is None:
        explain(console, ("neither channel did better", "yellow"))
    elif best != profile.code_channel:
        say(console, "use it: ", command("models", "set", profile.name, "--code-channel", best))
    else:
        say(console, f"{profile.name} uses it already")


def cost(prepared: Prepared) -> str:
    return "an unknown sum" if prepared.most_usd is None else f"${prepared.most_usd:.2f}"


def comparison_json(prepared: Prepared, compared: Compared) -> dict[str, Any]:
    profile = prepared.profile
    return {
        "profile": profile.name,
        "backend": profile.backend,
        "model": profile.model,
        "code_channel": profile.code_channel,
        "rounds": prepared.rounds,
        "most_usd": None if prepared.most_usd is None else float(prepared.most_usd),
        "best": compared.comparison.best,
        "channels": [asdict(tally) | {"median_s": tally.median_s} for tally in compared.comparison.tallies],
        "why": dict(compared.why),
    }


def _figures(tally: Tally) -> list[Any]:
    median = f"{tally.median_s:.2f} s"
    return [
        share(tally.valid, tally.asked),
        share(tally.at_once, tally.asked),
        tally.reasks,
        f"{tally.output_tokens:,}",
        median,
    ]


def _failures(tally: Tally) -> str:
    return ", ".join(f"{count} {code}" for code, count in sorted(tally.failures.items()))
