"""Gates of kind `command`: a program of the sandbox that says by its exit code whether the files are well."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from app.workspace import declared
from app.workspace.declared import NoSettings
from app.workspace.gates.gate import JSON, Bench, Change, GateResult, GateSpec
from app.workspace.gates.tool import result_of

FILES = "{files}"


class CommandSettings(NoSettings):
    argv: tuple[str, ...] = Field(min_length=1)
    """`{files}` stands for the changed files, each an argument; `{python}` for the project's interpreter."""


class CommandGate:
    """Passes when the program ends with 0; its output is the finding when it does not."""

    def check(self, given: Mapping[str, JSON]) -> None:
        declared.read(CommandSettings, given)

    async def run(self, spec: GateSpec, change: Change, bench: Bench) -> GateResult:
        argv = declared.read(CommandSettings, spec.settings).argv
        given = tuple(one for part in argv for one in (change.paths if part == FILES else (part,)))
        execution = await bench.sandbox.run(change.root, bench.command(given), bench.limits)
        return result_of(spec, argv[0], execution)
