"""The sample repository that the demo works on, and the digests of every file the demo can hold."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from app.errors import Conflict, Unavailable
from app.settings import ROOT

DEMO = ROOT / "seeds" / "demo"
SERVICE = DEMO / "service"
CASSETTE = DEMO / "cassette.jsonl"
SAMPLE_EPIC = "Add health check endpoint"

_AUTHOR = "sample@workbench.invalid"
_DATE = "2026-01-01T00:00:00Z"
_TEMPORARY = ".sample-repository-"
_LEFTOVERS = {"__pycache__", ".pytest_cache", "orders.json"}
"""What running the sample leaves behind; the sample's own .gitignore lists the same."""


def create_sample_repository(target: Path) -> Path:
    """A git repository with the sample service in one commit on `main`, at `target`.

    An earlier sample is left as it is, a half-made one is replaced. Raises `Conflict` when
    something else stands there.
    """
    target = target.absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    with _alone_in(target.parent):
        if not _is_sample(target):
            _make_room(target)
            _build(target)
    return target


def file_digests() -> dict[str, frozenset[str]]:
    """SHA-256 digests by path: the sample's own files, and each text a recorded answer gives them."""
    digests = {path: {sha256(content).hexdigest()} for path, content in sample_files().items()}
    for line in CASSETTE.read_text("utf-8").splitlines()[1:]:
        answer = json.loads(line)["json"]
        for key in ("files", "test_files", "migration_scripts"):
            for file in answer.get(key, []):
                digest = sha256(file["content"].encode()).hexdigest()
                digests.setdefault(file["path"], set()).add(digest)
    return {path: frozenset(values) for path, values in digests.items()}


def sample_files() -> dict[str, bytes]:
    """The files of the sample service by their path in the repository."""
    paths = (path.relative_to(SERVICE) for path in sorted(SERVICE.rglob("*")) if path.is_file())
    return {p.as_posix(): (SERVICE / p).read_bytes() for p in paths if not _LEFTOVERS & set(p.parts)}


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """One process at a time builds here, so what lies about half-made was left by a dead one."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        for leftover in folder.glob(f"{_TEMPORARY}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        yield
    finally:
        os.close(handle)


def _is_sample(target: Path) -> bool:
    """True when a branch begins with our commit, whatever came after it."""
    if not (target / ".git").is_dir():
        return False
    first = _git(target, "log", "--max-parents=0", "--format=%ae", "--branches", check=False)
    return first.returncode == 0 and _AUTHOR in first.stdout.split()


def _make_room(target: Path) -> None:
    """Removes a half-made sample: a folder that holds nothing but what we would write again."""
    if not os.path.lexists(target):
        return
    if target.is_symlink() or not target.is_dir() or not _only_sample_files(target):
        raise Conflict(
            f"{target} is not the sample repository; move it away, or choose another state folder",
            path=str(target),
        )
    shutil.rmtree(target)


def _only_sample_files(target: Path) -> bool:
    if (target / ".git" / "packed-refs").exists() or any(target.glob(".git/refs/heads/**/*")):
        return False  # a branch may hold the commits of runs
    ours = sample_files()
    for path in target.rglob("*"):
        name = path.relative_to(target)
        if name.parts[0] == ".git" or (path.is_dir() and not path.is_symlink()):
            continue
        if path.is_symlink() or not path.is_file() or path.read_bytes() != ours.get(name.as_posix()):
            return False
    return True


def _build(target: Path) -> None:
    """Builds beside the target and renames, so that a killed build leaves no target at all."""
    work = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=target.parent))
    try:
        for name, content in sample_files().items():
            path = work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        _git(work, "init", "--quiet", "--initial-branch=main", "--template=", "--object-format=sha1")
        _git(work, "add", "--all", "--force")
        _git(work, "commit", "--quiet", "--message", "Keep orders over HTTP")
        work.chmod(0o755)
        work.rename(target)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise


def _git(folder: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Git with nothing inherited: no global configuration, no hooks, one identity, one date."""
    settings = (
        "core.hooksPath=/dev/null",
        "core.fsmonitor=false",
        "commit.gpgSign=false",
        "gc.auto=0",
        f"safe.directory={folder}",  # it may belong to the person who ran the service before
    )
    options = [part for setting in settings for part in ("-c", setting)]
    try:
        return subprocess.run(  # noqa: S603 - a fixed program and fixed arguments
            ["git", *options, *arguments],  # noqa: S607 - found on the PATH of the service
            cwd=folder,
            env=_environment(),
            check=check,
            capture_output=True,
            text=True,
            timeout=60,
        )
    except FileNotFoundError as error:
        raise Unavailable("git is not installed; on Debian or Ubuntu: apt-get install git") from error
    except subprocess.CalledProcessError as error:
        raise Unavailable(f"git {arguments[0]} failed in {folder}: {error.stderr.strip()}") from error


def _environment() -> dict[str, str]:
    who = {
        f"GIT_{role}_{key}": value
        for role in ("AUTHOR", "COMMITTER")
        for key, value in (("NAME", "Workbench sample"), ("EMAIL", _AUTHOR), ("DATE", _DATE))
    }
    quiet = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",
        "LANG": "C.UTF-8",
        **quiet,
        **who,
    }
