"""Whether tests that pass prove anything: against the base commit, and with tests that must fail."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.pipelines.baselines import Baselines, in_both
from app.pipelines.trial import Trial
from app.workspace.adapters import CONTROLLED
from app.workspace.adapters.adapter import with_files
from app.workspace.adapters.control import is_steering, plan, silent
from app.workspace.repository import tracked_files
from app.workspace.sandbox.execution import Execution
from app.workspace.sandbox.verdict import NOTHING, Required, Verdict, shown

SWITCH_OFF = "limits.baseline: false of the phase leaves the comparison out"


@dataclass(frozen=True)
class Base:
    """What is known of the tests of the base commit."""

    required: Required | None
    """None: nothing is known."""
    doubt: str = ""
    """Why that makes a pass suspect."""


async def prove(trial: Trial, baselines: Baselines) -> Verdict:
    """The verdict on the change. A pass that a second look does not bear out is suspect."""
    base = await base_of(trial, baselines) if trial.job.baseline else Base(None)
    execution = await trial.execute(trial.job.folder, trial.prepared)
    verdict = await trial.judge(execution, base.required or NOTHING)
    if verdict.outcome == "suspect" and verdict.missing and base.required is not None:
        base, verdict = await _once_more(trial, baselines, base.required, execution)
    if base.required is not None:
        verdict = replace(verdict, base_tests=base.required.tests)
    if verdict.outcome != "passed":
        return verdict
    if base.doubt:
        return verdict.because("suspect", base.doubt)
    if base.required and (doubt := await _without_its_settings(trial, base.required)):
        return verdict.because("suspect", doubt)
    return await _controlled(trial, verdict) if trial.job.control else verdict


async def base_of(trial: Trial, baselines: Baselines) -> Base:
    """Tests the base commit unless that was done before."""
    kept = await baselines.find(trial.key)
    return Base(kept) if kept is not None else await _test_base(trial, baselines)


async def _test_base(trial: Trial, baselines: Baselines) -> Base:
    job = trial.job
    await job.progress("testing_base", {"commit": job.base_commit})
    async with trial.beside("base", ()) as folder:
        verdict = await trial.judge(await trial.execute(folder, trial.prepared))
    if verdict.ended != "exit":
        return Base(None, f"on the base commit {verdict.reason}, so nothing can be compared; {SWITCH_OFF}")
    if not verdict.reported and (file := await _a_test_file(trial)):
        why = f"it has tests, like {file}, but they did not run ({verdict.reason})"
        return Base(None, f"nothing shows what passed on the base commit: {why}; {SWITCH_OFF}")
    found = Required(verdict.tests, tuple(sorted(verdict.names)))
    await baselines.keep(trial.key, found)
    return Base(found)


async def _a_test_file(trial: Trial) -> str | None:
    """A file of the base commit that holds tests by its name."""
    entries = await tracked_files(trial.job.repository, trial.job.base_commit)
    return next((entry.path for entry in entries if trial.job.adapter.is_test_file(entry.path)), None)


async def _once_more(
    trial: Trial, baselines: Baselines, required: Required, execution: Execution
) -> tuple[Base, Verdict]:
    """A test that passes on the base commit only at times, or has another name each time, is not missing."""
    again = await _test_base(trial, baselines)
    agreed = in_both(required, again.required) if again.required else required
    return Base(agreed), await trial.judge(execution, agreed)


async def _without_its_settings(trial: Trial, required: Required) -> str:
    """Tests that pass only with the settings (`conftest.py`, `pytest.ini`, …) that the run wrote."""
    steering = [file.path for file in trial.job.files if is_steering(file.path)]
    if not steering:
        return ""
    await trial.job.progress("testing_without_settings", {"paths": steering})
    others = [file for file in trial.job.files if file.path not in steering]
    async with trial.beside("without-settings", others) as folder:
        verdict = await trial.judge(await trial.execute(folder, trial.prepared), required)
    lost = verdict.missing if verdict.reported else required.passed
    if not lost:
        return ""
    return f"{len(lost)} tests pass only with the run's own {shown(steering)}: {shown(lost)}"


async def _controlled(trial: Trial, verdict: Verdict) -> Verdict:
    """Suspect when a test that must fail is not reported as failing: then no report can be believed."""
    job = trial.job
    adapter = CONTROLLED.get(job.project.test_adapter)
    changed = [file.path for file in job.files]
    if adapter is None:
        return verdict
    if unrun := silent(job.files, verdict.names):
        return verdict.because("suspect", f"the change has tests of which none passed: {shown(unrun)}")
    control = await asyncio.to_thread(plan, job.folder, changed, job.adapter)
    if control is None:
        return verdict
    prepared = adapter.control(job.project.test_command, control.test_files, tuple(control.files))
    if prepared is None:
        return verdict
    await job.progress("control_run", {"tests": list(control.test_files)})
    prepared = replace(prepared, argv=with_files(control.files, prepared.argv))
    execution = await trial.execute(job.folder, prepared)
    escaped = await asyncio.to_thread(control.escaped, execution, job.adapter.read, adapter.with_functions)
    held = len(control.names(adapter.with_functions)) - len(escaped)
    if not escaped:
        return replace(verdict, control_tests=held)
    return replace(verdict, control_tests=held).because("suspect", _tampered(execution, escaped))


def _tampered(execution: Execution, escaped: Sequence[str]) -> str:
    how = (
        "it ended with exit code " + str(execution.exit_code)
        if execution.ended == "exit"
        else execution.ended
    )
    return (
        f"tests that must fail were run beside the changed ones, and {len(escaped)} were not reported as "
        f"failing ({how}): something in the change keeps the test runner from telling the truth, "
        "or it does not run the files that it is given"
    )
