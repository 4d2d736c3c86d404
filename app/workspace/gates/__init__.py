"""The kinds of gates there are: one dict; and checking a change by several gates."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from app.errors import unknown
from app.workspace.gates.browser import BrowserGate
from app.workspace.gates.command import CommandGate
from app.workspace.gates.gate import Bench, Change, GateKind, GateResult, GateSpec
from app.workspace.gates.go import GoGate
from app.workspace.gates.java import JavaGate
from app.workspace.gates.javascript import JavaScriptGate
from app.workspace.gates.python import PythonGate
from app.workspace.gates.ruff import RuffGate
from app.workspace.gates.typescript import TypeScriptGate

KINDS: dict[str, GateKind] = {
    "browser": BrowserGate(),
    "command": CommandGate(),
    "go": GoGate(),
    "java": JavaGate(),
    "javascript": JavaScriptGate(),
    "python": PythonGate(),
    "ruff": RuffGate(),
    "typescript": TypeScriptGate(),
}


def check_gate(spec: GateSpec) -> None:
    """Raises `NotFound` for a kind that is not there, `Invalid` for settings that it does not take."""
    if spec.kind not in KINDS:
        raise unknown("kind of gate", spec.kind, KINDS)
    KINDS[spec.kind].check(spec.settings)


async def run_gates(
    specs: Sequence[GateSpec], root: Path, changed: Sequence[str], bench: Bench
) -> tuple[GateResult, ...]:
    """Every gate whose patterns match a changed file, one after the other. `root` is the workspace."""
    results = []
    for spec in specs:
        if not (paths := spec.matching(changed)):
            continue
        if spec.kind not in KINDS:
            results.append(GateResult(spec.name, spec.kind, "missing", f"there is no gate {spec.name!r}"))
            continue
        started = time.monotonic()
        result = await KINDS[spec.kind].run(spec, Change(root, paths), bench)
        results.append(replace(result, duration_s=time.monotonic() - started))
    return tuple(results)
