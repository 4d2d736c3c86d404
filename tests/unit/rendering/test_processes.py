"""Processes of the renderer: limited, ended with their caller, started again when gone."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.errors import Unavailable
from app.rendering.child import answer
from app.rendering.process import RenderProcess
from app.rendering.renderer import Renderer

ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
A_SERVICE = f"""
import asyncio
from app.rendering.renderer import Renderer
asyncio.run(Renderer().render({ENDLESS!r}, {{}}))
"""
ONE_CHILD = f"""
import json, os, socket
from app.rendering import child
request = json.dumps({{"name": "t", "template": {ENDLESS!r}, "variables": {{}}, "declared": None}})
ours, theirs = socket.socketpair()
pid = os.fork()
if pid == 0:
    ours.close()
    child.serve(theirs.fileno())
theirs.close()
assert ours.recv(1) == child.STARTED
ours.sendall(request.encode())
ours.close()
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def children(pid: int | str) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in task.read_text().split()]
        except OSError:
            continue  # that thread has just ended
    return found


def alive(pid: int) -> bool:
    """A zombie is dead: in a container nobody may collect it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - nobody is told of the end of a stranger's process
            await asyncio.sleep(0.01)


def environment(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


def open_files(pid: int) -> list[str]:
    return [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()]


def renderers_of(pid: int | str) -> list[int]:
    return [
        child
        for child in children(pid)
        if b"app.rendering.child" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


async def test_the_process_knows_nothing_of_the_service() -> None:
    before = set(renderers_of("self"))
    renderer = Renderer()
    await renderer.render("{{ x }}", {"x": 1})
    (pid,) = set(renderers_of("self")) - before
    assert environment(pid) == b""
    assert [file.partition(":")[0] for file in open_files(pid) if file != "/dev/null"] == ["socket"]
    await renderer.close()
    assert not alive(pid)


async def test_a_cancelled_render_ends_its_child() -> None:
    before = set(renderers_of("self"))
    renderer = Renderer()
    await renderer.render("", {})
    (parent,) = set(renderers_of("self")) - before
    task = asyncio.create_task(renderer.render(ENDLESS, {}))
    await until(lambda: children(parent))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not children(parent))
    assert await renderer.render("{{ x }}", {"x": 1}) == "1"
    await renderer.close()


def test_a_child_ends_when_its_caller_hangs_up_and_not_at_its_limit() -> None:
    done = subprocess.run([sys.executable, "-c", ONE_CHILD], capture_output=True, text=True, check=True)
    assert int(done.stdout) in (-signal.SIGIO, 0)


async def test_a_process_that_was_killed_is_started_again() -> None:
    before = set(renderers_of("self"))
    renderer = Renderer()
    await renderer.render("", {})
    (parent,) = set(renderers_of("self")) - before
    os.kill(parent, signal.SIGKILL)
    assert await renderer.render("{{ x }}", {"x": 1}) == "1"
    await renderer.close()


async def test_a_killed_service_leaves_no_process_behind() -> None:
    service = await asyncio.create_subprocess_exec(sys.executable, "-c", A_SERVICE)
    await until(lambda: renderers_of(service.pid))
    (parent,) = renderers_of(service.pid)
    await until(lambda: children(parent))
    (child,) = children(parent)
    service.kill()
    await service.wait()
    await until(lambda: not alive(parent) and not alive(child))


async def test_a_process_that_never_starts_is_unavailable() -> None:
    process = RenderProcess([sys.executable, "-c", "pass"])
    with pytest.raises(Unavailable):
        await process.ask(b"{}")
    process.close()


def test_a_request_that_fails_is_answered_with_the_place() -> None:
    request = b'{"name": "t", "template": "{{ x }}", "variables": {}, "declared": null}'
    assert answer(request).startswith(b'error\n{"name": "t", "line": 1')
