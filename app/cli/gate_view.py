"""What gates said, as tables: one of the gates, one of what they found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding

from app.cli.lines import counted, duration
from app.cli.output import emit, line, one_line, row, table

STYLES = {"passed": "green", "failed": "red", "missing": "yellow"}


def show_gates(
    console: Console, gates: Sequence[Mapping[str, Any]], passed_by: Sequence[str] = (), *, indent: int = 0
) -> None:
    """`gates` are as the artifact of a test phase has them; `passed_by` had no file to look at."""
    made = table("gate", "outcome", "time", "why", right=("time",))
    for gate in gates:
        outcome = line((gate["outcome"], STYLES[gate["outcome"]]))
        row(made, gate["name"], outcome, duration(gate["duration_s"]), one_line(gate["reason"]))
    for name in passed_by:
        row(made, name, "", "", "no file that it looks at")
    emit(console, Padding(made, (0, 0, 0, indent)))
    if any(gate["findings"] for gate in gates):
        console.print()
        _show_findings(console, gates, indent)


def _show_findings(console: Console, gates: Sequence[Mapping[str, Any]], indent: int) -> None:
    made = table("gate", "place", "finding")
    for gate in gates:
        for one in gate["findings"]:
            place = one["path"] or ""
            row(
                made, gate["name"], place if one["line"] is None else f"{place}:{one['line']}", one["message"]
            )
        if (more := gate["findings_total"] - len(gate["findings"])) > 0:
            row(made, gate["name"], "", f"and {counted(more, 'finding')} more")
    emit(console, Padding(made, (0, 0, 0, indent)))
