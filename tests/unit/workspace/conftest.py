"""Real git repositories to work on, and a way to see that nothing else changed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Files = dict[str, str | bytes]


def _environment() -> dict[str, str]:
    who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
           for what, value in (("NAME", "Ada"), ("EMAIL", "ada@example.org"))}  # fmt: skip
    return {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "GIT_CONFIG_GLOBAL": "/dev/null", **who}


@pytest.fixture
def run_git() -> Callable[..., str]:
    """`run_git(folder, *arguments)`: git as a person would call it."""

    def run(folder: Path, *arguments: str, **options: object) -> str:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            env=_environment(),
            check=True,
            capture_output=True,
            text=True,
            **options,
        )
        return done.stdout.strip()

    return run


@pytest.fixture
def make_repo(tmp_path: Path, run_git: Callable[..., str]) -> Callable[..., Path]:
    """`make_repo(files)`: a repository with one commit that holds them."""

    def make(files: Files | None = None, name: str = "project") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        run_git(folder, "init", "-q", "-b", "main")
        for path, content in (files or {"README.md": "hello\n", "app/main.py": "print(1)\n"}).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content.encode() if isinstance(content, str) else content)
        run_git(folder, "add", "-A")
        run_git(folder, "commit", "-q", "-m", "Start")
        return folder

    return make


@pytest.fixture
def plant(tmp_path: Path, run_git: Callable[..., str]) -> Callable[[Path], Path]:
    """`plant(repo)`: hooks, filters and a file monitor that each leave a trace in the folder it returns."""

    def put(repo: Path) -> Path:
        traces = tmp_path / "traces"
        traces.mkdir()
        hooks = repo / ".git" / "hooks"
        hooks.mkdir(exist_ok=True)
        for hook in ("pre-commit", "post-commit", "commit-msg", "post-checkout", "reference-transaction",
                     "post-index-change", "prepare-commit-msg"):  # fmt: skip
            (hooks / hook).write_text(f"#!/bin/sh\ntouch {traces}/{hook}\n")
            (hooks / hook).chmod(0o755)
        (repo / ".git" / "info").mkdir(exist_ok=True)
        (repo / ".git" / "info" / "attributes").write_text("* filter=trap ident eol=crlf diff=trap\n")
        for key in ("filter.trap.clean", "filter.trap.smudge", "core.fsmonitor", "diff.trap.textconv",
                    "diff.trap.command", "gpg.program", "core.sshCommand", "core.editor"):  # fmt: skip
            run_git(repo, "config", key, f"touch {traces}/{key}; cat")
        for key in ("filter.trap.required", "commit.gpgSign", "log.showSignature"):
            run_git(repo, "config", key, "true")
        return traces

    return put


@pytest.fixture
def digest() -> Callable[[Path], str]:
    """`digest(folder)`: one hash over names, modes, sizes, times and content of everything below."""

    def walk(folder: Path) -> Iterator[str]:
        for path in sorted(folder.rglob("*")):
            found = path.lstat()
            data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            content = hashlib.sha256(data).hexdigest()
            yield f"{path} {found.st_mode} {found.st_ino} {found.st_size} {found.st_mtime_ns} {content}"

    return lambda folder: hashlib.sha256("\n".join(walk(folder)).encode()).hexdigest()


@pytest.fixture
def canary(tmp_path: Path, digest: Callable[[Path], str]) -> Iterator[Path]:
    """A folder outside every workspace; the test fails when anything in it changed."""
    folder = tmp_path / "canary"
    folder.mkdir()
    (folder / "file.txt").write_text("keep\n")
    os.chmod(folder / "file.txt", 0o640)
    before = digest(folder)
    yield folder
    assert digest(folder) == before


@pytest.fixture
def foreign_repo(make_repo: Callable[..., Path]) -> Iterator[Path]:
    """A repository of another user, in a place that this user can reach."""
    place = Path(tempfile.mkdtemp(prefix="workbench-foreign-"))
    place.chmod(0o755)
    folder = Path(shutil.move(make_repo(), place / "project"))
    for path in (folder, *folder.rglob("*")):
        os.chown(path, 12345, 12345, follow_symlinks=False)
    yield folder
    shutil.rmtree(place)
