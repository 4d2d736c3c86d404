"""Runs a compiler or a checker in the sandbox, and makes a result of what it said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from app.workspace.gates.gate import Bench, Finding, GateResult, GateSpec
from app.workspace.sandbox.execution import Execution
from app.workspace.sandbox.output import last

NOT_FOUND = 127
OUTPUT_BYTES = 4_000
SCRIPT = """
PATH="$PATH:/usr/local/go/bin"
command -v "$1" >/dev/null 2>&1 || exit 127
"""
"""Ends with 127 before anything else where the tool is not there, so that the code means only that."""


async def run_tool(
    bench: Bench,
    source: Path,
    tool: str,
    arguments: Sequence[str],
    *,
    script: str = 'exec "$@"',
    env: Mapping[str, str] | None = None,
    over: Path | None = None,
) -> Execution:
    """Run `tool`, or a shell `script` that gets it as its first argument and `arguments` as the others."""
    argv = ("sh", "-c", SCRIPT + script, "sh", tool, *arguments)
    command = replace(bench.command(argv), env={**bench.env, **(env or {})}, over=over)
    return await bench.sandbox.run(source, command, bench.limits)


def result_of(
    spec: GateSpec, tool: str, execution: Execution, findings: Sequence[Finding] = ()
) -> GateResult:
    """Passed only by exit code 0. A failure without a finding has its output for one."""
    found = tuple(findings)
    if execution.exit_code == 0:
        noted = f", with {_counted(found)}" if found else ""
        return GateResult(spec.name, spec.kind, "passed", f"{tool} ended with 0{noted}", found)
    if execution.exit_code == NOT_FOUND:
        return GateResult(spec.name, spec.kind, "missing", f"{tool} is not installed on this host")
    ended = f"exit code {execution.exit_code}" if execution.ended == "exit" else execution.ended
    if not found:
        return failed(
            spec, f"{tool}: {ended}", Finding(last(execution.output, OUTPUT_BYTES).strip() or ended)
        )
    return failed(spec, f"{tool}: {ended}, {_counted(found)}", *found)


def failed(spec: GateSpec, reason: str, *findings: Finding) -> GateResult:
    return GateResult(spec.name, spec.kind, "failed", reason, findings)


def _counted(findings: Sequence[Finding]) -> str:
    return "1 finding" if len(findings) == 1 else f"{len(findings)} findings"


def missing(spec: GateSpec, reason: str) -> GateResult:
    return GateResult(spec.name, spec.kind, "missing", reason)
