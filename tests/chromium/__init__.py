"""A headless Chromium, driven over a pair of pipes: no driver, no port, no library."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1200,1000",
    "--remote-debugging-pipe",
)
PATIENCE_S = 30.0
PAUSE = "new Promise(resolve => setTimeout(resolve, 50))"


def installed() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Page:
    """One tab: go somewhere, evaluate, type, look at what went wrong."""

    def __init__(self, commands: int, answers: BinaryIO) -> None:
        self._commands = commands
        self._answers = answers
        self._number = 0
        self._session: str | None = None
        self.errors: list[str] = []
        """Whatever the console shows as an error, and every exception."""
        self.hosts: set[str] = set()
        """Servers that the page has asked for anything."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """The result of one command of the DevTools protocol."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def evaluate(self, script: str) -> Any:
        """The value of an expression in the page."""
        found = self.send("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait_for(self, script: str) -> Any:
        """Until the expression is true."""
        until = time.monotonic() + PATIENCE_S
        while not (value := self.evaluate(script)):
            assert time.monotonic() < until, f"{script} did not come true; {self.errors}"
            self.send("Runtime.evaluate", expression=PAUSE, awaitPromise=True)
        return value

    def click(self, selector: str) -> None:
        self.wait_for(f"!!document.querySelector({json.dumps(selector)})")
        self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")

    def type(self, selector: str, text: str) -> None:
        self.wait_for(f"!!document.querySelector({json.dumps(selector)})")
        self.evaluate(f"document.querySelector({json.dumps(selector)}).focus()")
        self.send("Input.insertText", text=text)

    def _read(self) -> dict[str, Any]:
        """The next message; events are noted on the way."""
        text = bytearray()
        while (byte := self._answers.read(1)) != b"\0":
            assert byte, "Chromium has ended"
            text += byte
        message: dict[str, Any] = json.loads(text)
        match message.get("method"):
            case "Runtime.exceptionThrown":
                self.errors.append(str(message["params"]["exceptionDetails"])[:500])
            case "Log.entryAdded" if message["params"]["entry"]["level"] == "error":
                self.errors.append(message["params"]["entry"]["text"])
            case "Runtime.consoleAPICalled" if message["params"]["type"] == "error":
                self.errors.append(str(message["params"]["args"])[:500])
            case "Network.requestWillBeSent":
                url = str(message["params"]["request"]["url"])
                if not url.startswith(("data:", "blob:", "about:")):
                    self.hosts.add(url.split("/")[2])
        return message


@contextmanager
def page(profile: Path) -> Iterator[Page]:
    """A tab of a browser of its own, with an empty profile in `profile`."""
    program = installed()
    assert program is not None
    their_commands, commands = os.pipe()
    answers, their_answers = os.pipe()
    redirect = f'exec "$@" 3<&{their_commands} 4>&{their_answers}'
    process = subprocess.Popen(
        ["bash", "-c", redirect, "bash", program, *OPTIONS, f"--user-data-dir={profile}"],
        pass_fds=(their_commands, their_answers),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(their_commands)
    os.close(their_answers)
    try:
        with os.fdopen(answers, "rb") as reader:
            yield Page(commands, reader)
    finally:
        os.close(commands)
        process.kill()
        process.wait()
