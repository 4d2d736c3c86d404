"""Git repositories of a person, made by the test, and a way to see that nobody touched them."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/nonexistent",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{role}_NAME": "Ada" for role in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{role}_EMAIL": "ada@example.org" for role in ("AUTHOR", "COMMITTER")},
}


@dataclass(frozen=True)
class Person:
    """A repository as its owner sees it."""

    path: Path

    def git(self, *arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(self.path), *arguments],
            env=ENVIRONMENT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    def branches(self) -> list[str]:
        return self.git("for-each-ref", "--format=%(refname:short)", "refs/heads").splitlines()

    def files(self, commit: str) -> list[str]:
        return self.git("ls-tree", "-r", "--name-only", commit).splitlines()

    def digest(self) -> str:
        """Over the working copy, the index, HEAD and the branches of the person."""
        mine = [name for name in self.branches() if not name.startswith("workbench/")]
        parts = [self.git("rev-parse", name) for name in mine]
        parts += [(self.path / ".git" / name).read_bytes().hex() for name in ("index", "HEAD", "config")]
        return hashlib.sha256("\n".join([*parts, tree_digest(self.path)]).encode()).hexdigest()


def make_repository(folder: Path, files: Mapping[str, str], links: Mapping[str, str] | None = None) -> Person:
    """A repository with one commit on `main`."""
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    for name, target in (links or {}).items():
        (folder / name).symlink_to(target)
    person = Person(folder)
    person.git("init", "-q", "-b", "main")
    person.git("add", "-A")
    person.git("commit", "-q", "-m", "Start")
    return person


def tree_digest(folder: Path) -> str:
    """Over names, modes, times and content of everything below, `.git` left out."""
    lines = []
    for path in sorted(folder.rglob("*")):
        if ".git" in path.relative_to(folder).parts:
            continue
        found = path.lstat()
        data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        lines.append(f"{path} {found.st_mode} {found.st_mtime_ns} {hashlib.sha256(data).hexdigest()}")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
