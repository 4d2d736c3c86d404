"""Nothing runs before the walls were tried, and nothing runs when one of them does not hold."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.settings import ROOT
from app.workspace.sandbox import probes
from app.workspace.sandbox.execution import Command, Execution, SandboxUnavailable
from app.workspace.sandbox.limits import Limits
from app.workspace.sandbox.sandbox import Sandbox
from app.workspace.sandbox.selftest import NAMES, probe_all

needs_sandbox = pytest.mark.skipif(
    "WORKBENCH_IN_SANDBOX" in os.environ, reason="there is no sandbox inside a sandbox"
)
ALL_CLOSED = "\n".join(f'["{name}", true, "closed"]' for name in NAMES)


def execution(output: str = ALL_CLOSED, ended: str = "timeout") -> Execution:
    return Execution(0, output, ended, None, 0.1)  # type: ignore[arg-type]


@needs_sandbox
async def test_all_walls_hold_here() -> None:
    found = await Sandbox().self_test()
    assert [(probe.name, probe.ok) for probe in found.probes] == [(name, True) for name in NAMES]
    assert found.summary() == "the sandbox (bwrap) passed all 12 probes"


@needs_sandbox
async def test_the_walls_are_tried_once_even_when_many_ask() -> None:
    sandbox = Sandbox()
    first, second = await asyncio.gather(sandbox.self_test(), sandbox.self_test())
    assert first is second


@needs_sandbox
async def test_without_bubblewrap_nothing_runs_and_the_error_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxUnavailable, match="apt-get install bubblewrap") as caught:
        await Sandbox().run(tmp_path, Command(("true",)))
    assert (caught.value.code, caught.value.status) == ("sandbox_unavailable", 503)


@needs_sandbox
async def test_without_its_other_programs_nothing_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bwrap").write_text("#!/bin/sh\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxUnavailable, match="tar, prlimit"):
        await Sandbox().run(tmp_path, Command(("true",)))


@needs_sandbox
async def test_a_bubblewrap_that_can_not_build_a_sandbox_is_a_failed_self_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in Docker, where the kernel refuses namespaces."""
    (tmp_path / "bwrap").write_text("#!/bin/sh\necho 'No permissions to create new namespace' >&2; exit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    for folder in (tmp_path, *tmp_path.parents[:-2]):
        folder.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(SandboxUnavailable, match="No permissions to create new namespace") as caught:
        await Sandbox().run(tmp_path, Command(("true",)))
    assert "Docker" in caught.value.message


async def test_an_open_wall_fails_the_self_test_and_is_named() -> None:
    async def run(source: Path, command: Command, limits: Limits) -> Execution:
        return execution(ALL_CLOSED.replace('"network", true, "closed"', '"network", false, "eth0"'))

    found = await probe_all("bwrap", run)
    assert not found.ok
    assert found.summary().endswith("nothing is run: network: eth0")


async def test_a_probe_that_does_not_report_has_failed() -> None:
    async def run(source: Path, command: Command, limits: Limits) -> Execution:
        return execution("Traceback\n" + ALL_CLOSED.replace('["seccomp", true, "closed"]', "[1]"))

    found = await probe_all("bwrap", run)
    assert [probe.name for probe in found.failed()] == ["seccomp"]


async def test_a_sleeper_that_ends_by_itself_shows_no_kill() -> None:
    async def run(source: Path, command: Command, limits: Limits) -> Execution:
        return execution(ended="exit")

    assert [probe.name for probe in (await probe_all("bwrap", run)).failed()] == ["kill"]


@pytest.mark.parametrize("probe", [probes.environment, probes.network, probes.seccomp, probes.unix_sockets])
@needs_sandbox
def test_the_probes_have_teeth_outside_a_sandbox(probe: Callable[[], str]) -> None:
    assert probe() != ""


@needs_sandbox
def test_a_nested_user_namespace_is_seen_outside_a_sandbox() -> None:
    """In a process of its own, which then lives in that namespace."""
    script = "from app.workspace.sandbox import probes; print(probes.user_namespaces())"
    argv = [sys.executable, "-c", script]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "a nested user namespace was made\n"
