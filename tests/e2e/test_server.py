"""A real server process: the user's script, tokens, streams, and how it stops."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import psycopg
import pytest

from app.settings import ROOT

Start = Callable[..., "Server"]
OPTIONS = ("--factory", "--port", "0", "--loop", "asyncio")


class Server:
    """`uvicorn app.main:create` on a free port."""

    def __init__(
        self, database_url: str, state_dir: Path, *, terminal: bool = False, **settings: str
    ) -> None:
        env = {name: value for name, value in os.environ.items() if not name.startswith("WORKBENCH_")}
        env |= {"WORKBENCH_DATABASE_URL": database_url, "WORKBENCH_STATE_DIR": str(state_dir)}
        env |= {f"WORKBENCH_{name}": value for name, value in settings.items()}
        ours, theirs = os.openpty() if terminal else os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", *OPTIONS, "app.main:create"],
            cwd=ROOT,
            env=env,
            stderr=theirs,
            stdout=subprocess.DEVNULL,
        )
        os.close(theirs)
        self.said = os.fdopen(ours, errors="replace")
        self.lines: list[str] = []
        self.url = self._address()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def stop(self, number: int = signal.SIGTERM) -> str:
        """All that it said, after it has ended."""
        self.process.send_signal(number)
        self.process.wait(timeout=60)
        self._reader.join()
        return "".join(self.lines)

    def _address(self) -> str:
        for line in self.said:
            self.lines.append(line)
            if found := re.search(r"running on http://127\.0\.0\.1:(\d+)", line):
                return f"http://localhost:{found[1]}"
        self.process.wait()
        self.said.close()
        raise AssertionError("the server did not start: " + "".join(self.lines))

    def _read(self) -> None:
        with suppress(OSError):  # a terminal ends with an error
            self.lines += iter(self.said.readline, "")


@contextmanager
def served(database_url: str, state_dir: Path, **settings: str) -> Iterator[Server]:
    server = Server(database_url, state_dir, **settings)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop(signal.SIGKILL)
        server.said.close()


@pytest.fixture
def start(database_url: str, state_dir: Path) -> Iterator[Start]:
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(served(database_url, state_dir, **settings))


def test_the_users_script_runs_and_its_usage_is_in_the_audit_trail(start: Start) -> None:
    server = start(AUTH="off", DEMO="true")
    with httpx.Client(timeout=60) as http:
        response = http.post(
            f"{server.url}/pipelines",
            json={"epic_description": "Add health check endpoint to orchestrator API"},
        )
        pipeline_id = response.json()["pipeline_id"]
        response = http.post(f"{server.url}/pipelines/{pipeline_id}/advance")
        assert response.request.content == b""
        assert "content-type" not in response.request.headers
        assert response.status_code == 200, response.text
        artifacts = http.get(f"{server.url}/pipelines/{pipeline_id}/artifacts").json()
        assert "epic" in artifacts
        assert artifacts["epic"]["title"] is not None
        usage = http.get(f"{server.url}/pipelines/{pipeline_id}/usage").json()
        assert [call["phase"] for call in usage["calls"]] == ["pm"]


def test_a_terminated_server_drains_and_leaves_nothing_behind(start: Start, database_url: str) -> None:
    server = start(AUTH="off", DEMO="true")
    with httpx.Client(timeout=60, base_url=server.url) as http:
        path = http.post("/pipelines", json={"epic_description": "Add health check endpoint"}).headers[
            "location"
        ]
        assert http.post(f"{path}/run").status_code == 202
        with http.stream("GET", f"{path}/events", headers={"accept": "text/event-stream"}) as stream:
            assert stream.status_code == 200
            next(stream.iter_lines())
            said = server.stop()
    assert "drained; good-bye" in said
    assert "Traceback" not in said
    assert server.process.returncode in (0, -signal.SIGTERM)
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM workers").fetchone() == (0,)
        states = connection.execute("SELECT DISTINCT state, worker FROM pipelines").fetchall()
    assert states[0] in [("queued", None), ("succeeded", None)]


def test_a_run_that_was_handed_back_is_finished_by_the_next_start(start: Start) -> None:
    first = start(AUTH="off", DEMO="true")
    with httpx.Client(timeout=60, base_url=first.url) as http:
        path = http.post("/pipelines", json={"epic_description": "Add health check endpoint"}).headers[
            "location"
        ]
        http.post(f"{path}/run")
        first.stop()
    second = start(AUTH="off", DEMO="true")
    with httpx.Client(timeout=60, base_url=second.url) as http:
        stream = {"accept": "text/event-stream"}
        http.get(f"{path}/events", headers=stream)  # ends with the run
        body = http.get(path).json()
    assert body["state"] == "succeeded", body["error"]
    assert body["phases"][-1]["runs"][-1]["outcome"] == "passed"


def test_the_first_token_opens_the_api_and_stands_in_no_log(start: Start, state_dir: Path) -> None:
    server = start()
    token = (state_dir / "admin.token").read_text().strip()
    with httpx.Client(timeout=60, base_url=server.url) as http:
        assert http.get("/pipelines").status_code == 401
        assert http.get("/pipelines", headers={"authorization": f"Bearer {token}"}).status_code == 200
        assert http.get("/livez", headers={"host": "evil.example"}).status_code == 421
    said = server.stop()
    assert token not in said
    assert "admin.token" in said


def test_a_person_at_a_terminal_is_shown_the_token_at_the_first_start_only(
    start: Start, state_dir: Path
) -> None:
    first = start(terminal=True).stop()
    token = (state_dir / "admin.token").read_text().strip()
    assert first.count(token) == 1
    assert token not in start(terminal=True).stop()


def test_a_server_that_can_not_start_says_why_in_plain_words(state_dir: Path) -> None:
    with pytest.raises(AssertionError) as failed:
        Server("postgresql://nobody@127.0.0.1:1/none", state_dir)
    assert "the database does not answer" in str(failed.value)
    assert "Traceback" not in str(failed.value)
