"""The files of a working copy as they are now, copied: what git tracks, and what is new and not ignored."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path

from app.errors import Invalid
from app.workspace.git import git
from app.workspace.repository import Repository


async def copy_working_tree(repo: Repository, target: Path) -> list[str]:
    """Copy the files, but no links, to `target` and name them. Raises `Invalid` for a bare repository."""
    if not (repo.path / ".git").exists():
        raise Invalid(f"{repo.path} has no working copy: name a commit of it", place="commit")
    output = await git(
        repo.git,
        f"--work-tree={repo.path}",
        *("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"),
    )
    listed = [path.decode("utf-8", "surrogateescape") for path in output.split(b"\0") if path]
    return await asyncio.to_thread(_copy, repo.path, listed, target)


def _copy(root: Path, paths: Sequence[str], target: Path) -> list[str]:
    copied = []
    for path in paths:
        source = root / path
        if source.is_symlink() or not source.is_file():  # deleted since, a submodule, a pipe
            continue
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target / path)
        copied.append(path)
    return copied
