"""A process group on a leash: it ends with the process that holds it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path

import pytest

from app.settings import ROOT
from app.workspace.sandbox import leash
from app.workspace.sandbox.execution import Command
from app.workspace.sandbox.sandbox import Sandbox

LIMIT_S = 200
PIPE = asyncio.subprocess.PIPE


@pytest.mark.skipif("WORKBENCH_IN_SANDBOX" in os.environ, reason="there is no sandbox inside a sandbox")
def test_a_worker_that_dies_as_it_starts_a_sandbox_leaves_no_process_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.unit.workspace.orphans", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert (done.stdout, done.returncode) == ("all gone\n", 0), done.stderr


@pytest.mark.skipif("WORKBENCH_IN_SANDBOX" in os.environ, reason="there is no sandbox inside a sandbox")
async def test_the_first_process_inside_stays_in_the_group_that_dies_with_the_service(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """Its death ends all others, so there is no moment at which only bubblewrap itself could end it."""
    mark = f"600.{uuid.uuid4().int % 10**9:09d}"
    run = asyncio.create_task(sandbox.run(tmp_path, Command(("sleep", mark))))
    command = await asyncio.to_thread(process_with, mark)
    above = ancestors(command)
    run.cancel()
    groups = [os.getpgid(pid) for pid, name in above if name == "bwrap"]
    assert len(groups) == 2
    assert groups[0] == groups[1] != os.getpgid(0)


@pytest.mark.skipif("WORKBENCH_IN_SANDBOX" in os.environ, reason="there is no sandbox inside a sandbox")
async def test_a_command_has_a_session_of_its_own_and_no_terminal(sandbox: Sandbox, tmp_path: Path) -> None:
    script = "ls -l /dev/tty; cut -d' ' -f6,7 /proc/self/stat; echo $$; (echo x >/dev/tty) && echo written"
    execution = await sandbox.run(tmp_path, Command(("sh", "-c", script)))
    device, session, _, written = execution.output.splitlines()
    assert device.split()[4:6] == ["1,", "3"], "it is not /dev/null"
    assert session.split()[0] != "0"
    assert session.split()[1] == "0", "there is a terminal"
    assert written == "written"


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


def test_no_code_runs_between_fork_and_exec() -> None:
    """With threads about it would be a lock that nobody ever frees."""
    used = [path for path in (ROOT / "app").rglob("*.py") if "preexec_fn" in path.read_text()]
    assert used == []


def process_with(argument: str) -> int:
    while True:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                if path.read_bytes() == f"sleep\0{argument}\0".encode():
                    return int(path.parent.name)
        time.sleep(0.01)


def ancestors(pid: int) -> list[tuple[int, str]]:
    """Those above in the tree, nearest first, with their names."""
    found = []
    while pid > 1:
        name, _, rest = Path(f"/proc/{pid}/stat").read_text().partition("(")[2].rpartition(")")
        found.append((pid, name))
        pid = int(rest.split()[1])
    return found


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))
