"""Phases of kind `command`: a program of the definition runs in the sandbox on the files of the run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from app.pipelines.environments import Environments
from app.pipelines.phases.asking import asking, granted
from app.pipelines.phases.kind import Draft, PhaseContext, PhaseResult
from app.pipelines.phases.place import lacking, place_of
from app.tables import Outcome
from app.workspace import declared
from app.workspace.sandbox.output import last
from app.workspace.sandbox.sandbox import Sandbox

OUTPUT_BYTES = 4_000
ISSUE_BYTES = 1_500

Argument = Annotated[str, Field(pattern=r"^[^\x00]*$", max_length=4096)]


class CommandSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    argv: Annotated[tuple[Argument, ...], Field(min_length=1, max_length=100)]
    """The program and its arguments; no shell reads them. `{python}` stands for the project's interpreter."""


class CommandPhase:
    """What the program writes is thrown away; how it ends is how the phase ends."""

    def __init__(self, sandbox: Sandbox, state_dir: Path, environments: Environments) -> None:
        self._sandbox = sandbox
        self._state_dir = state_dir
        self._environments = environments

    async def run(self, context: PhaseContext) -> PhaseResult:
        """Rejected with the end of the output. Raises `SandboxUnavailable`."""
        argv = declared.read(CommandSettings, context.spec.settings).argv
        place = await place_of(context, self._state_dir)
        with asking(context):
            environment = await self._environments.of(
                place.project, place.repository, place.base_commit, granted(context)
            )
        done = await self._sandbox.run(place.root, environment.command(argv), place.limits)
        passed = done.exit_code == 0
        ended = f"exit code {done.exit_code}" if done.ended == "exit" else done.ended
        said = f"{argv[0]}: {ended}\n{last(done.output, ISSUE_BYTES)}".strip()
        return PhaseResult(
            Outcome.PASSED if passed else Outcome.REJECTED,
            artifact={
                "outcome": "passed" if passed else "failed",
                "argv": list(argv),
                "exit_code": done.exit_code,
                "ended": done.ended,
                "duration_s": round(done.duration_s, 3),
                "output_tail": last(done.output, OUTPUT_BYTES),
            },
            issues=() if passed else ({"source": context.spec.name, "text": said},),
        )

    def check(self, draft: Draft) -> list[tuple[str, str]]:
        return [*lacking(draft, "CommandResult"), *declared.faults(CommandSettings, draft.settings)]
