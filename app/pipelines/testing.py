"""Tests one change of a project: its gates first, then its test command, both in the sandbox."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.pipelines.baselines import Baselines
from app.pipelines.environments import Environments
from app.pipelines.proving import prove
from app.pipelines.trial import TestJob, Trial
from app.tables import TestAdapter
from app.workspace.adapters.adapter import Prepared
from app.workspace.adapters.gates import judge_gates
from app.workspace.environment import Environment
from app.workspace.gates import run_gates
from app.workspace.gates.gate import FINDINGS, Bench, GateResult
from app.workspace.sandbox.execution import Execution, SandboxUnavailable
from app.workspace.sandbox.limits import Limits
from app.workspace.sandbox.project_limits import SandboxLimits
from app.workspace.sandbox.sandbox import Sandbox
from app.workspace.sandbox.unsandboxed import NotTheDemo, run_unsandboxed
from app.workspace.sandbox.verdict import Verdict

__all__ = ["TestBench", "TestJob", "Tested"]


@dataclass(frozen=True)
class Tested:
    """What the gates and the tests said. A gate that does not pass leaves the tests unrun."""

    __test__ = False  # its name would make pytest collect it

    verdict: Verdict
    gates: tuple[GateResult, ...] = ()

    @property
    def unsandboxed(self) -> bool:
        return self.verdict.unsandboxed

    def as_json(self, kept: Collection[str] = ()) -> dict[str, Any]:
        """The body of the artifact `test_results`. `kept`: digests of the attachments that are stored."""
        return {**self.verdict.as_json(), "gates": [gate_report(one, kept) for one in self.gates]}

    def missing(self) -> str:
        """Which gates could not be asked, and why; empty: all were."""
        lost = [gate for gate in self.gates if gate.outcome == "missing"]
        return "; ".join(f"the gate {gate.name} could not be asked: {gate.reason}" for gate in lost)

    def issues(self) -> tuple[dict[str, str], ...]:
        """What is wrong, for the next round's prompt."""
        if self.verdict.outcome == "passed":
            return ()
        found = [
            {"source": f"gate {gate.name}", "text": finding}
            for gate in self.gates
            if gate.outcome != "passed"
            for finding in [one.as_text() for one in gate.findings[:FINDINGS]] or [gate.reason]
        ]
        found += [{"source": "test", "text": f"{test.name}: {test.message}"} for test in self.verdict.failing]
        tail = {"source": "test", "text": f"{self.verdict.reason}\n{self.verdict.output_tail[-1500:]}"}
        return tuple(found) or (tail,)


class TestBench:
    """Rebuilds the workspace and tests it; what the commands write is thrown away."""

    __test__ = False

    def __init__(
        self,
        sandbox: Sandbox,
        environments: Environments,
        baselines: Baselines,
        demo_digests: Mapping[str, Collection[str]],
    ) -> None:
        self._sandbox = sandbox
        self._environments = environments
        self._baselines = baselines
        self._demo_digests = demo_digests

    async def test(self, job: TestJob) -> Tested:
        """Raises `SandboxUnavailable`, `UnsafePath` for a file that is protected by now, and what
        `Environments.of` raises."""
        environment = await self._environments.of(
            job.project, job.repository, job.base_commit, job.permissions, job.hearing("setup")
        )
        trial = self._trial(job, environment)
        await trial.build(job.folder, job.files)
        gates = await self._gates(job, environment)
        if job.project.test_adapter is TestAdapter.GATES:
            return Tested(judge_gates(gates), gates)
        if any(gate.outcome != "passed" for gate in gates):
            return Tested(_stopped(gates), gates)
        return Tested(await prove(trial, self._baselines), gates)

    def _trial(self, job: TestJob, environment: Environment) -> Trial:
        async def execute(folder: Path, prepared: Prepared) -> Execution:
            return await self._execute(job, environment, folder, prepared)

        return Trial(job, execute, {"python": str(environment.python), "folder": str(environment.folder)})

    async def _gates(self, job: TestJob, environment: Environment) -> tuple[GateResult, ...]:
        # a name that both have runs once, as the project has it now
        specs = tuple({gate.name: gate for gate in (*job.gates, *job.project.gates)}.values())
        changed = [file.path for file in job.files]
        bench = Bench(
            self._sandbox,
            self._limits(job),
            environment.python,
            environment.variables,
            environment.access,
        )
        return await run_gates(specs, job.folder, changed, bench)

    async def _execute(
        self, job: TestJob, environment: Environment, folder: Path, prepared: Prepared
    ) -> Execution:
        command = environment.command(prepared.argv)
        command = replace(command, env={**command.env, **prepared.env})
        limits = self._limits(job)
        try:
            return await self._sandbox.run(folder, command, limits, job.hearing("test"))
        except SandboxUnavailable as missing:
            try:
                return await run_unsandboxed(folder, command, limits, self._demo_digests)
            except NotTheDemo:
                raise missing from None

    def _limits(self, job: TestJob) -> Limits:
        own = SandboxLimits.model_validate(job.project.sandbox)
        return own.over(job.adapter.needs.over(Limits(wall_s=job.wall_s)))


def _stopped(gates: Sequence[GateResult]) -> Verdict:
    """The tests did not run: a gate speaks against the change, or could not be asked."""
    stopped = [gate for gate in gates if gate.outcome != "passed"]
    said = "; ".join(f"{gate.name}: {gate.reason}" for gate in stopped)
    return Verdict(outcome="failed", reason=f"the tests did not run, because of the gates: {said}")


def gate_report(result: GateResult, kept: Collection[str] = ()) -> dict[str, Any]:
    """As the artifact `test_results` has it: its first findings."""
    return {
        "name": result.name,
        "kind": result.kind,
        "outcome": result.outcome,
        "reason": result.reason,
        "findings": [
            {"message": one.message, "path": one.path, "line": one.line} for one in result.findings[:FINDINGS]
        ],
        "findings_total": len(result.findings),
        "files": [one.reference for one in result.attachments if one.sha256 in kept],
        "duration_s": round(result.duration_s, 3),
    }
