"""What a probe found, as tables and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.text import Text

from app.cli.output import emit, explain, line, row, say, stdout, table
from app.errors import WorkbenchError
from app.llm.capabilities import order, thinks_with_grammar
from app.llm.probing.figures import Capability
from app.llm.probing.prober import Found
from app.llm.types import Profile

SHARES = ("valid", "schema", "enum", "right")
FIGURES = ("tok/s", "tokens", "p50", "p95")
TOGETHER = {True: "work", False: "do not work", None: "may work: no thinking was seen in any mode"}
Result = tuple[Profile, Found | WorkbenchError]


def capabilities(result: Found | WorkbenchError) -> tuple[Capability, ...]:
    return result.capabilities if isinstance(result, Found) else ()


def show(profile: Profile, result: Found | WorkbenchError) -> None:
    console = stdout()
    if isinstance(result, WorkbenchError):
        say(console, (profile.name, "bold"), ("  not probed", "yellow"))
        explain(console, f"  {result.message}")
        console.print()
        return
    version = result.capabilities[0].server_version
    say(console, (profile.name, "bold"), f"  {profile.model} on {profile.backend} {version}")
    made = table("mode", "think", *SHARES, *FIGURES, right=(*SHARES, *FIGURES))
    for one in result.capabilities:
        row(made, one.mode, "on" if one.thinks else "off", *_shares(one), *_figures(one))
    emit(console, made)
    for one in result.capabilities:
        if one.error:
            explain(console, (f"{one.mode}, think {'on' if one.thinks else 'off'}: ", "dim"), one.error)
    _conclude(result)
    console.print()


def _conclude(result: Found) -> None:
    console = stdout()
    if not any(one.answered for one in result.capabilities):
        explain(console, ("no answer in any mode; nothing is stored", "yellow"))
        return
    for thinks, word in ((False, "off"), (True, "on")):
        modes = order([one for one in result.capabilities if one.thinks is thinks])
        say(console, (f"think {word:<4}", "dim"), "asked with ", ", then ".join(modes))
    works = thinks_with_grammar(result.capabilities)
    say(console, ("together  ", "dim"), "thinking and a grammar ", TOGETHER[works])
    cost = "of unknown cost" if result.cost_usd is None else f"${result.cost_usd:.4f}"
    say(console, ("bill      ", "dim"), cost)


def _shares(one: Capability) -> list[Text]:
    counts = (one.valid, one.compliant, one.enums, one.correct)
    return [share(count, one.asked) for count in counts]


def share(count: int, asked: int) -> Text:
    """So many of those that were asked."""
    style = "green" if count == asked else "yellow" if count else "red"
    return line((f"{count}/{asked}", style))


def _figures(one: Capability) -> list[str]:
    if one.tokens_per_s is None or one.p50_s is None or one.p95_s is None:
        return ["-"] * len(FIGURES)
    tokens = f"{one.output_tokens / one.answered:,.0f}"
    return [f"{one.tokens_per_s:,.1f}", tokens, f"{one.p50_s:.2f} s", f"{one.p95_s:.2f} s"]


def result_json(profile: Profile, result: Found | WorkbenchError) -> dict[str, Any]:
    found = capabilities(result)
    error = result if isinstance(result, WorkbenchError) else None
    return {
        "profile": profile.name,
        "backend": profile.backend,
        "model": profile.model,
        "server_version": found[0].server_version if found else None,
        "error": {"code": error.code, "message": error.message} if error else None,
        "cost_usd": result.cost_usd if isinstance(result, Found) else None,
        "modes": {
            word: order([one for one in found if one.thinks is thinks])
            for word, thinks in (("off", False), ("on", True))
        }
        if found
        else None,
        "thinks_with_grammar": thinks_with_grammar(found),
        "capabilities": [_plain(one) for one in found],
    }


def _plain(one: Capability) -> dict[str, Any]:
    values = asdict(one)
    for name in ("backend", "model", "server_version"):
        del values[name]
    return values | {"probed_at": one.probed_at.isoformat()}
