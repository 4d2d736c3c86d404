"""Gates of kind `command`: a program of the sandbox that says by its exit code whether the files are well."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.errors import Invalid
from app.workspace.gates.gate import JSON, Bench, Change, Finding, GateResult, GateSpec
from app.workspace.sandbox.execution import Command
from app.workspace.sandbox.output import last

FILES = "{files}"
NOT_FOUND = 127
OUTPUT_BYTES = 4_000


class CommandSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    argv: tuple[str, ...] = Field(min_length=1)
    """`{files}` stands for the changed files, each an argument; `{python}` for the project's interpreter."""


class CommandGate:
    """Passes when the program ends with 0; its output is the finding when it does not."""

    def check(self, settings: Mapping[str, JSON]) -> None:
        settings_of(settings)

    async def run(self, spec: GateSpec, change: Change, bench: Bench) -> GateResult:
        argv = settings_of(spec.settings).argv
        given = tuple(one for part in argv for one in (change.paths if part == FILES else (part,)))
        execution = await bench.sandbox.run(change.root, Command(given, bench.python), bench.limits)
        if execution.exit_code == 0:
            return GateResult(spec.name, spec.kind, "passed", "the command ended with 0")
        if execution.exit_code == NOT_FOUND:
            return GateResult(spec.name, spec.kind, "missing", f"{argv[0]} is not installed on this host")
        ended = f"exit code {execution.exit_code}" if execution.ended == "exit" else execution.ended
        found = (Finding(last(execution.output, OUTPUT_BYTES).strip() or ended),)
        return GateResult(spec.name, spec.kind, "failed", f"{argv[0]}: {ended}", found)


def settings_of(given: Mapping[str, JSON]) -> CommandSettings:
    """Raises `Invalid` that names the field."""
    try:
        return CommandSettings.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in ("settings", *first["loc"]))
        raise Invalid(f"{place}: {first['msg']}", place=place) from error
