"""Gates of kind `ruff`: the changed Python files keep the rules that the project gives to ruff."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from app.workspace import declared
from app.workspace.declared import NoSettings
from app.workspace.gates.gate import JSON, Bench, Change, Finding, GateResult, GateSpec
from app.workspace.gates.tool import result_of, run_tool
from app.workspace.sandbox.execution import JUNIT, Execution

CHECK = ("check", "--no-cache", "--output-format", "json", "--output-file", JUNIT)


class RuffSettings(NoSettings):
    select: tuple[str, ...] = ()
    """Rules in place of those of the project's configuration, such as `F`."""


class RuffGate:
    """The ruff of the project's environment, else that of the host."""

    def check(self, given: Mapping[str, JSON]) -> None:
        declared.read(RuffSettings, given)

    async def run(self, spec: GateSpec, change: Change, bench: Bench) -> GateResult:
        select = declared.read(RuffSettings, spec.settings).select
        chosen = ("--select", ",".join(select)) if select else ()
        execution = await run_tool(bench, change.root, "ruff", (*CHECK, *chosen, "--", *change.paths))
        return result_of(spec, "ruff", execution, _findings(execution, change))


def _findings(execution: Execution, change: Change) -> list[Finding]:
    """None where ruff broke off: its output says why."""
    if execution.exit_code != 1 or execution.junit is None:
        return []
    found: list[dict[str, Any]] = json.loads(execution.junit)
    return [
        Finding(
            f"{one['code'] or 'invalid-syntax'} {one['message']}",
            _own(one["filename"], change.paths),
            one["location"]["row"],
        )
        for one in found
    ]


def _own(filename: str, paths: tuple[str, ...]) -> str:
    """The path in the repository; ruff says where the file lay in the sandbox."""
    return max((path for path in paths if filename.endswith(f"/{path}")), key=len, default=filename)
