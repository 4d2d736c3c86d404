"""The adapter `command`: what a program gets, and that nothing of it outlives the delivery."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.pipelines.deliveries.adapter import Answer, DeliveryFailed, Message
from app.pipelines.deliveries.command import CommandAdapter
from app.pipelines.deliveries.destination import CommandConfig

MESSAGE = Message(b'{"a":1}', "k" * 64, UUID(int=7), "epic")


async def run(*argv: str, environment: dict[str, str] | None = None, **config: Any) -> Answer:
    return await CommandAdapter(CommandConfig(argv=argv, **config), environment or {}).send(MESSAGE)


async def python(code: str, **config: Any) -> Answer:
    return await run(sys.executable, "-I", "-c", code, **config)


async def test_the_payload_is_the_standard_input_and_the_output_is_kept() -> None:
    assert await run("/bin/cat") == Answer(0, '{"a":1}')


async def test_the_environment_is_the_services_choice() -> None:
    code = "import os; print(sorted(os.environ)); print(os.environ['WORKBENCH_IDEMPOTENCY_KEY'], os.getcwd())"
    answer = await python(code, environment={"HOOK": "hush", "OTHER": "x"}, variables=("HOOK",))
    names, rest = answer.text.splitlines()
    assert set(eval(names)) - {"LC_CTYPE"} == {  # noqa: S307 - our own list
        *("PATH", "LANG", "HOOK", "WORKBENCH_IDEMPOTENCY_KEY", "WORKBENCH_RUN", "WORKBENCH_ARTIFACT")
    }
    assert rest == "k" * 64 + " /"


async def test_no_shell_reads_the_arguments() -> None:
    assert (await run("/bin/echo", "$HOME; ls", "`id`")).text == "$HOME; ls `id`\n"


async def test_an_exit_code_is_a_failure_with_what_was_said() -> None:
    with pytest.raises(DeliveryFailed, match="exit code 3") as failed:
        await python("import sys; print('no', file=sys.stderr); sys.exit(3)")
    assert failed.value.answer == Answer(3, "no\n")
    assert not failed.value.again


@pytest.mark.parametrize(
    ("program", "said"), [("/no/such/program", "No such file"), ("/etc/passwd", "denied")]
)
async def test_a_program_that_can_not_be_started_is_named(program: str, said: str) -> None:
    with pytest.raises(DeliveryFailed, match=f"{program} can not be started: .*{said}"):
        await run(program)


async def test_a_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(DeliveryFailed, match="has no HOOK"):
        await run("/bin/true", variables=("HOOK",))


async def test_of_a_flood_of_output_the_beginning_is_kept() -> None:
    answer = await python("print('x' * 5_000_000)")
    assert answer.text == "x" * 65_536


async def test_at_the_deadline_the_whole_process_tree_is_killed(tmp_path: Path) -> None:
    with pytest.raises(DeliveryFailed, match="did not end within 1 s"):
        await python(FAMILY.format(file=tmp_path / "pids", end="time.sleep(60)"), timeout_s=1)
    await dead(tmp_path)


async def test_a_cancelled_delivery_kills_the_process_tree(tmp_path: Path) -> None:
    task = asyncio.create_task(python(FAMILY.format(file=tmp_path / "pids", end="time.sleep(60)")))
    await until(lambda: len(pids(tmp_path)) == 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await dead(tmp_path)


async def test_what_a_program_leaves_in_the_background_dies_with_it(tmp_path: Path) -> None:
    answer = await python(FAMILY.format(file=tmp_path / "pids", end="print('done')"), timeout_s=30)
    assert answer == Answer(0, "done\n")
    await dead(tmp_path)


FAMILY = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-I", "-c", "import time; time.sleep(60)"])
with open("{file}.part", "w") as file:
    file.write(f"{{os.getpid()}} {{child.pid}}")
os.rename("{file}.part", "{file}")
{end}
"""
"""A program with a child that lives longer than it should."""


async def dead(folder: Path) -> None:
    """A process that was killed takes a moment to be gone."""
    assert len(pids(folder)) == 2
    await until(lambda: not any(map(alive, pids(folder))))


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what another process does sets no event
            await asyncio.sleep(0.02)


def pids(folder: Path) -> list[int]:
    file = folder / "pids"
    return [int(pid) for pid in file.read_text().split()] if file.exists() else []


def alive(pid: int) -> bool:
    """Not counting what nobody has reaped yet."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
