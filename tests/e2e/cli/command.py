"""The real command, in a process of its own or, where only what it says matters, in this one."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from app.cli import main
from app.settings import ROOT

ARGV = (sys.executable, "-P", "-m", "app.cli")
DEADLINE_S = 120
"""Ends a command that hangs; nothing is measured with it."""
NOBODY = "http://127.0.0.1:9"
"""Where no server listens."""


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Workbench(Protocol):
    """`workbench("demo", "--json")`; keywords are environment variables."""

    def __call__(self, *arguments: str, stdin: str = "", **environment: str) -> Done: ...


@dataclass(frozen=True)
class InProcess:
    """Starts nothing and imports nothing anew, so that many commands take little time."""

    environment: dict[str, str]
    stream: type[io.StringIO] = io.StringIO
    """What stdin and stdout are."""

    def __call__(self, *arguments: str, stdin: str = "", **environment: str) -> Done:
        out, err = self.stream(), io.StringIO()
        loggers = [logging.getLogger(name) for name in (None, "app", "uvicorn", "pgqueuer")]
        levels = [logger.level for logger in loggers]
        before = dict(os.environ), sys.argv, sys.stdin, loggers[0].handlers
        try:
            os.environ.clear()
            os.environ.update(self.environment | environment)
            sys.argv, sys.stdin = ["workbench", *arguments], self.stream(stdin)
            with redirect_stdout(out), redirect_stderr(err):
                code = _code()
        finally:
            os.environ.clear()
            os.environ.update(before[0])
            sys.argv, sys.stdin, loggers[0].handlers = before[1:]
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
        return Done(code, out.getvalue(), err.getvalue())


def _code() -> int:
    try:
        return main()
    except SystemExit as left:
        return int(left.code or 0)


@dataclass(frozen=True)
class Process:
    """`environment` is all that the command knows of the outside."""

    environment: dict[str, str]

    def __call__(self, *arguments: str, stdin: str = "", **environment: str) -> Done:
        done = subprocess.run(
            [*ARGV, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            env=self.environment | environment,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen([*ARGV, *arguments], env=self.environment | environment, text=True, **pipes)


def environment(state_dir: Path) -> dict[str, str]:
    """No key, no model server, and a state folder of the test."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return kept | {
        "PYTHONPATH": str(ROOT),
        "WORKBENCH_STATE_DIR": str(state_dir),
        "WORKBENCH_OLLAMA_HOST": NOBODY,
        "WORKBENCH_OPENAI_BASE_URL": f"{NOBODY}/v1",
    }


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True)
    return done.stdout
