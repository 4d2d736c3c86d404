"""Gates of kind `python`: every changed file compiles with the project's Python."""

from __future__ import annotations

import json
from collections.abc import Mapping

from app.workspace import declared
from app.workspace.declared import NoSettings
from app.workspace.gates.gate import JSON, Bench, Change, Finding, GateResult, GateSpec
from app.workspace.gates.tool import failed, result_of, run_tool
from app.workspace.sandbox.execution import JUNIT, PYTHON

COMPILE = """
import json, sys
found = []
for path in sys.argv[2:]:
    try:
        with open(path, "rb") as file:
            compile(file.read(), path, "exec", dont_inherit=True)
    except SyntaxError as error:
        found.append([f"{type(error).__name__}: {error.msg}", path, error.lineno])
    except (ValueError, OverflowError, RecursionError, MemoryError) as error:
        found.append([f"{type(error).__name__}: {error}", path, None])
with open(sys.argv[1], "w") as file:
    json.dump(found, file)
"""
"""Compiling runs nothing of the files; the result file holds nothing but what was found."""


class PythonGate:
    def check(self, given: Mapping[str, JSON]) -> None:
        declared.read(NoSettings, given)

    async def run(self, spec: GateSpec, change: Change, bench: Bench) -> GateResult:
        python = "python3" if bench.python is None else PYTHON
        arguments = ("-I", "-W", "ignore", "-c", COMPILE, JUNIT, *change.paths)
        execution = await run_tool(bench, change.root, python, arguments)
        if execution.exit_code != 0:
            return result_of(spec, "python", execution)
        if execution.junit is None:
            return failed(spec, "python said nothing of the files")
        found = [Finding(*one) for one in json.loads(execution.junit)]
        if found:
            return failed(spec, f"{len(found)} of {len(change.paths)} files do not compile", *found)
        return result_of(spec, "python", execution)
