"""The workspace of a run: a cache, rebuilt at any time from the base commit plus the accepted files.

Layout: `<state>/workspaces/<pipeline id>/<fence>/files`: a worker that was frozen while another took the
run over writes to a folder that nobody reads any more. Folders are 0755 and files 0644 or 0755, so the
sandbox's own user can read them; the folders above are 0711, so that it can reach but not list
them. The state folder itself has to let that user pass (`x`), or the files are given to it otherwise.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from app.errors import Invalid
from app.workspace.checkout import checkout
from app.workspace.files import SourceFile, UnsafePath, latest
from app.workspace.fileset import check_amount
from app.workspace.paths import check_path
from app.workspace.repository import LINK, SUBMODULE, Repository, tracked_files
from app.workspace.secrets import check_secrets
from app.workspace.writer import Written, check_files, write_files

_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


def workspace_folder(state: Path, pipeline_id: str, fence: int) -> Path:
    """Where the files of the run are under this lease; the folder need not exist."""
    if not _ID.fullmatch(pipeline_id):
        raise Invalid(f"{pipeline_id!r} is not the id of a pipeline")
    return state / "workspaces" / pipeline_id / str(fence) / "files"


async def rebuild(
    repo: Repository,
    base_commit: str,
    target: Path,
    files: Sequence[SourceFile],
    *,
    protected: Sequence[str] = (),
    permitted: frozenset[str] = frozenset(),
) -> tuple[Written, ...]:
    """Make `target` anew: the base commit, then the files of the run, which were accepted before.

    Raises `UnsafePath` for one that is protected by now, or that a person gave to a retried run.
    """
    await asyncio.to_thread(_make_parents, target)
    await asyncio.to_thread(_forget_older, target)
    await checkout(repo, base_commit, target)
    current = latest([files])
    return await asyncio.to_thread(
        write_files, target, current, protected=protected, permitted=permitted, accepted=True
    )


async def check_answer(
    repo: Repository,
    base_commit: str,
    root: Path,
    files: Sequence[SourceFile],
    *,
    protected: Sequence[str] = (),
    permitted: frozenset[str] = frozenset(),
) -> None:
    """Raises `UnsafePath` for what `apply_files` would refuse; nothing is written.

    Links and submodules of the base commit are protected too: a commit could not hold the file.
    """
    check_amount(len(files))
    fixed = [
        entry.path for entry in await tracked_files(repo, base_commit) if entry.mode in (LINK, SUBMODULE)
    ]
    for file in files:
        path = check_path(file.path, permitted=permitted)
        if any(f"{path}/".startswith(f"{other}/") for other in fixed):
            raise UnsafePath(path, "not_a_file", "the base commit has a link or a submodule there")
    await asyncio.to_thread(check_files, root, files, protected=protected, permitted=permitted)
    await check_secrets(repo, base_commit, files)


async def apply_files(
    repo: Repository,
    base_commit: str,
    root: Path,
    files: Sequence[SourceFile],
    *,
    protected: Sequence[str] = (),
    permitted: frozenset[str] = frozenset(),
) -> tuple[Written, ...]:
    """Write a model's answer into the workspace, all or none. Raises `UnsafePath` with what to tell it."""
    await check_answer(repo, base_commit, root, files, protected=protected, permitted=permitted)
    return await asyncio.to_thread(write_files, root, files, protected=protected, permitted=permitted)


async def remove_workspace(target: Path) -> None:
    """Delete the run's folder; a missing one is fine."""
    await asyncio.to_thread(shutil.rmtree, target.parent.parent, True)


def _make_parents(target: Path) -> None:
    for folder in (target.parents[2], target.parents[1], target.parents[0]):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o711)


def _forget_older(target: Path) -> None:
    """Delete what earlier leases of the run left."""
    fence = int(target.parent.name)
    for other in target.parents[1].iterdir():
        if other.name.isdigit() and int(other.name) < fence:
            shutil.rmtree(other, ignore_errors=True)
