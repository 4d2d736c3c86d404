"""Programs that want too much are stopped, and nothing of them is left."""

from __future__ import annotations

import asyncio
import os
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path

import pytest

from app.workspace.sandbox.execution import Command, Execution
from app.workspace.sandbox.limits import MIB, Limits
from app.workspace.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.skipif(
    "WORKBENCH_IN_SANDBOX" in os.environ, reason="there is no sandbox inside a sandbox"
)

DEFAULTS = Limits()


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return Sandbox()


async def inside(sandbox: Sandbox, source: Path, script: str, limits: Limits = DEFAULTS) -> Execution:
    return await sandbox.run(source, Command(("{python}", "-c", script), Path(sys.executable)), limits)


def alive(mark: str) -> bool:
    """Whether any process of the host has `mark` in its command line."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if mark.encode() in path.read_bytes() and path.parent.name != str(os.getpid()):
                return True
    return False


def wait_for(mark: str) -> None:
    while not alive(f": {mark}"):
        time.sleep(0.01)


@pytest.mark.abuse(70)
async def test_a_fork_bomb_stops_at_the_process_limit(sandbox: Sandbox, tmp_path: Path) -> None:
    script = """
import os, signal
made = 0
try:
    while True:
        if os.fork() == 0: signal.pause()
        made += 1
except OSError:
    print(made)
"""
    execution = await inside(sandbox, tmp_path, script, Limits(processes=40))
    assert 20 < int(execution.output) < 40


async def test_a_hundred_threads_are_fine(sandbox: Sandbox, tmp_path: Path) -> None:
    script = """
import threading
gate = threading.Event()
threads = [threading.Thread(target=gate.wait) for _ in range(100)]
for thread in threads: thread.start()
gate.set()
print(len(threads))
"""
    assert (await inside(sandbox, tmp_path, script)).output == "100\n"


@pytest.mark.abuse(70)
async def test_processes_that_together_use_too_much_memory_are_killed(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    script = """
import os, signal
for _ in range(5):
    if os.fork() == 0:
        held = b"x" * 40_000_000
        signal.pause()
signal.pause()
"""
    execution = await inside(sandbox, tmp_path, script, Limits(memory_bytes=120 * MIB))
    assert (execution.ended, execution.exit_code) == ("memory", None)


@pytest.mark.abuse(70)
async def test_one_process_can_not_reserve_more_than_its_address_space(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    execution = await inside(sandbox, tmp_path, "b'x' * 2_000_000_000", Limits(address_space_bytes=512 * MIB))
    assert "MemoryError" in execution.output


async def test_without_a_limit_a_process_reserves_what_it_wants(sandbox: Sandbox, tmp_path: Path) -> None:
    script = "import mmap; mmap.mmap(-1, 64 << 30, flags=mmap.MAP_PRIVATE | 0x4000); print('ok')"
    assert "Cannot allocate memory" in (await inside(sandbox, tmp_path, script)).output
    unlimited = await inside(sandbox, tmp_path, script, Limits(address_space_bytes=None))
    assert unlimited.output == "ok\n"


@pytest.mark.parametrize(
    ("folder", "limits"),
    [
        ("/tmp", Limits(tmp_bytes=128 * MIB)),
        ("/home/sbx", Limits(home_bytes=128 * MIB)),
        ("/dev/shm", Limits(shm_bytes=128 * MIB)),
        (".", Limits(work_bytes=128 * MIB)),
    ],
)
async def test_a_scratch_folder_is_as_large_as_its_limit(
    sandbox: Sandbox, tmp_path: Path, folder: str, limits: Limits
) -> None:
    script = f"import os; found = os.statvfs({folder!r}); print(found.f_blocks * found.f_frsize)"
    assert (await inside(sandbox, tmp_path, script, limits)).output == f"{128 * MIB}\n"


@pytest.mark.abuse(70)
@pytest.mark.parametrize("folder", [".", "/tmp", "/out", "/dev/shm", "/home/sbx"])
async def test_filling_a_scratch_folder_ends_with_disk_full(
    sandbox: Sandbox, tmp_path: Path, folder: str
) -> None:
    script = f"""
for number in range(40):
    with open(f"{folder}/{{number}}", "wb") as file:
        for _ in range(4): file.write(bytes(1 << 20))
"""
    execution = await inside(sandbox, tmp_path, script, Limits(work_bytes=32 * MIB, file_bytes=8 * MIB))
    assert "No space left on device" in execution.output


@pytest.mark.abuse(70)
async def test_one_file_stays_under_its_limit(sandbox: Sandbox, tmp_path: Path) -> None:
    execution = await inside(
        sandbox, tmp_path, "open('x', 'wb').write(bytes(9 << 20))", Limits(file_bytes=8 * MIB)
    )
    assert "File too large" in execution.output


@pytest.mark.abuse(70)
async def test_endless_empty_files_are_stopped(sandbox: Sandbox, tmp_path: Path) -> None:
    script = "import itertools\nfor number in itertools.count(): open(str(number), 'w').close()"
    execution = await inside(sandbox, tmp_path, script, Limits(files=1000))
    assert execution.ended == "files"


@pytest.mark.abuse(70)
async def test_a_flood_of_output_keeps_only_its_end(sandbox: Sandbox, tmp_path: Path) -> None:
    script = "import sys\nfor _ in range(300): sys.stdout.write('\\0' * 65535 + '\\n')\nprint('the end')"
    execution = await inside(sandbox, tmp_path, script, Limits(output_bytes=10_000))
    assert (execution.exit_code, execution.truncated) == (0, True)
    assert execution.output.endswith("\\x00\nthe end\n")
    assert len(execution.output.encode()) <= 10_000


@pytest.mark.abuse(70)
async def test_spinning_is_stopped_by_the_processor_limit(sandbox: Sandbox, tmp_path: Path) -> None:
    execution = await inside(sandbox, tmp_path, "while True: pass", Limits(cpu_s=1))
    assert (execution.ended, execution.exit_code) == ("cpu", None)


DAEMON = "setsid sh -c 'trap \"\" TERM INT HUP; sleep 600; : {mark}' </dev/null >/dev/null 2>&1 & "


@pytest.mark.abuse(71)
async def test_a_daemon_is_dead_after_its_run_ended(sandbox: Sandbox, tmp_path: Path) -> None:
    mark = str(uuid.uuid4())
    command = Command(("sh", "-c", DAEMON.format(mark=mark) + "echo started"))
    execution = await sandbox.run(tmp_path, command)
    assert (execution.exit_code, execution.output) == (0, "started\n")
    assert not alive(mark)


@pytest.mark.abuse(71)
async def test_a_daemon_is_dead_after_a_timeout(sandbox: Sandbox, tmp_path: Path) -> None:
    mark = str(uuid.uuid4())
    command = Command(("sh", "-c", DAEMON.format(mark=mark) + "sleep 600"))
    execution = await sandbox.run(tmp_path, command, Limits(wall_s=0.5))
    assert (execution.ended, execution.exit_code, execution.junit) == ("timeout", None, None)
    assert not alive(mark)


async def test_cancelling_kills_everything_at_once(sandbox: Sandbox, tmp_path: Path) -> None:
    mark = str(uuid.uuid4())
    command = Command(("sh", "-c", DAEMON.format(mark=mark) + "sleep 600"))
    run = asyncio.create_task(sandbox.run(tmp_path, command))
    await asyncio.to_thread(wait_for, mark)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert not alive(mark)


async def test_cancelling_before_the_program_started_leaves_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    await sandbox.self_test()
    mark = str(uuid.uuid4())
    for steps in range(12):
        run = asyncio.create_task(sandbox.run(tmp_path, Command(("sleep", "600", mark))))
        for _ in range(steps):
            await asyncio.sleep(0)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
    assert not alive(mark)


async def test_a_run_leaves_no_file_descriptor_and_no_folder(sandbox: Sandbox, tmp_path: Path) -> None:
    await inside(sandbox, tmp_path, "")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        await inside(sandbox, tmp_path, "")
    assert len(os.listdir("/proc/self/fd")) == before
    assert "workbench-sandbox" not in Path("/proc/self/mounts").read_text()  # noqa: ASYNC240 - no disk
