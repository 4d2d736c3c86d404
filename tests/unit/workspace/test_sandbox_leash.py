"""A process group on a leash: it ends with the process that holds it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.settings import ROOT
from app.workspace.sandbox import leash

LIMIT_S = 200
PIPE = asyncio.subprocess.PIPE


@pytest.mark.skipif("WORKBENCH_IN_SANDBOX" in os.environ, reason="there is no sandbox inside a sandbox")
def test_a_worker_that_dies_as_it_starts_a_sandbox_leaves_no_process_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.unit.workspace.orphans", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert (done.stdout, done.returncode) == ("all gone\n", 0), done.stderr


async def test_what_a_command_left_running_ends_with_its_group() -> None:
    command = ["/bin/sh", "-c", "sleep 1000 & echo started; exec sleep 1000"]
    leashed = await leash.start(command, env={"PATH": "/usr/bin:/bin"}, stdout=PIPE)
    assert leashed.process.stdout is not None
    assert await leashed.process.stdout.readline() == b"started\n"
    await leashed.end()
    assert await leashed.process.stdout.read() == b""  # nobody holds the other end any more
    assert await leashed.process.wait() == -signal.SIGKILL


async def test_a_command_that_can_not_be_started_leaves_no_watcher() -> None:
    before = open_files()
    with pytest.raises(FileNotFoundError):
        await leash.start(["/nowhere/to/be/found"])
    assert open_files() == before


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))
