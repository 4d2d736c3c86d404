"""`workbench serve` and `workbench worker` as processes."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.cli.command import Process


@contextmanager
def started(command: Process, *arguments: str, ready: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process once it said that it is ready, and that line."""
    process = command.start(*arguments)
    assert process.stderr is not None
    try:
        yield process, next(line for line in process.stderr if ready in line)
    finally:
        process.kill()
        process.communicate()


def test_the_server_prints_its_address_answers_and_keeps_queries_out_of_its_log(process: Process) -> None:
    with started(process, "serve", "--port", "0", ready="serves on") as (server, line):
        url = re.findall(r"http://127\.0\.0\.1:\d+", line)[0]
        with urllib.request.urlopen(f"{url}/livez?secret=swordfish") as answer:  # noqa: S310 - ours
            assert answer.status == 200
        server.send_signal(signal.SIGTERM)
        _, log = server.communicate(timeout=60)
        assert server.returncode == 0, log
        assert "/livez" in log
        assert "swordfish" not in log


def test_a_busy_port_is_said_before_anything_is_started(process: Process) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        done = process("serve", "--port", port)
    assert done.code == 1
    assert f"port {port} of 127.0.0.1 is in use" in done.err
    assert "--port" in done.err.split("what to do:")[1]
    assert "uvicorn" not in done.err


def test_a_server_that_can_not_start_says_why_in_one_line(process: Process) -> None:
    done = process("serve", "--port", "0", WORKBENCH_DATABASE_URL="postgresql://127.0.0.1:9/none")
    assert done.code == 1
    assert "error: the database does not answer" in done.err
    assert "Traceback" not in done.err


def test_an_open_server_without_authentication_is_refused(process: Process) -> None:
    done = process("serve", "--host", "0.0.0.0", "--port", "0", WORKBENCH_AUTH="off")  # noqa: S104
    assert done.code == 1
    assert "loopback" in done.err


def test_a_worker_drains_on_a_signal_and_ends_well(process: Process) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        with started(process, "worker", ready="is ready") as (worker, _):
            worker.send_signal(number)
            _, err = worker.communicate(timeout=60)
            assert worker.returncode == 0, err
