"""A person's repository, read only from its objects: never from the working copy."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from app.errors import Invalid, NotFound
from app.workspace.files import escaped
from app.workspace.git import TIMEOUT_S, Caller, GitError, caller_for, git, git_process, git_text

MAX_BLOB_BYTES = 256 * 1024 * 1024

LINK, SUBMODULE = "120000", "160000"

ReadBlob = Callable[[str], Awaitable[bytes]]
"""Object name in, content out."""


class NotARepository(Invalid):
    """The path can not be used as a project; the message says what to do."""

    code = "not_a_repository"


class EmptyRepository(Invalid):
    """There is no commit to start from."""

    code = "empty_repository"


@dataclass(frozen=True)
class Repository:
    """A clone, a linked worktree or a bare repository. Get it from `open_repository`."""

    path: Path
    """The folder that the person named."""
    git: Caller
    """Runs commands on its git directory (of a linked worktree: its own, which knows its HEAD)."""
    common_dir: Path
    """Where refs and objects are; a linked worktree shares it."""


@dataclass(frozen=True)
class TreeEntry:
    """One path of a commit. `size` is 0 for a submodule."""

    path: str
    mode: str
    size: int
    object: str


async def open_repository(path: Path) -> Repository:
    """The repository at exactly this folder. Raises `NotARepository`."""
    path = Path(os.path.abspath(path))  # noqa: ASYNC240  computes, asks no disk
    git_dir = _git_dir(path)
    try:
        caller = caller_for(git_dir)
        answer = await git_text(
            caller, "rev-parse", "--path-format=absolute", "--absolute-git-dir", "--git-common-dir"
        )
    except (GitError, OSError) as error:
        owner = git_dir.stat().st_uid
        raise NotARepository(
            f"{path} is not a usable git repository: {error} (its owner has the user id {owner}; "
            "a service that runs as root calls git as that user, who must be able to reach the folder)",
            path=str(path),
        ) from error
    own, common = answer.splitlines()
    return Repository(path, Caller(Path(own), caller.user, caller.group), Path(common))


async def head_commit(repo: Repository, ref: str | None = None) -> str:
    """The full hash of `ref`, or of what is checked out. Raises `EmptyRepository` or `NotFound`."""
    wanted = ref or "HEAD"
    found = await _verify(repo, f"{wanted}^{{commit}}")
    if found:
        return found
    if ref is None:
        raise EmptyRepository(f"{repo.path} has no commit yet: make a first one, then try again")
    raise NotFound(f"{repo.path} has no branch, tag or commit '{escaped(wanted)}'")


async def default_branch(repo: Repository) -> str | None:
    """The branch that HEAD names, also before its first commit; None when HEAD is detached."""
    return (await git_text(repo.git, "symbolic-ref", "--quiet", "--short", "HEAD", ok=(0, 1))) or None


async def branch_commit(repo: Repository, branch: str) -> str | None:
    """The hash that the branch points at, None when there is no such branch."""
    return await _verify(repo, f"refs/heads/{branch}^{{commit}}")


async def is_ancestor(repo: Repository, commit: str, of: str) -> bool:
    """Whether `of` holds the commit, or is it."""
    try:
        await git(repo.git, "merge-base", "--is-ancestor", commit, of)
    except GitError as error:
        if error.returncode == 1:
            return False
        raise
    return True


async def tracked_files(repo: Repository, commit: str) -> list[TreeEntry]:
    """Every path of the commit, in git's order; names that are not UTF-8 keep their bytes as surrogates."""
    output = await git(
        repo.git, "ls-tree", "-r", "-l", "-z", "--full-tree", "--end-of-options", f"{commit}^{{tree}}"
    )
    return [_entry(line) for line in output.split(b"\0") if line]


async def read_file(repo: Repository, commit: str, path: str) -> bytes:
    """The content of one file in the commit. Raises `NotFound`."""
    found = await _verify(repo, f"{commit}:{path}")
    if found is None:
        raise NotFound(f"commit {commit[:12]} has no file '{escaped(path)}'")
    async with blob_reader(repo) as read:
        return await read(found)


@asynccontextmanager
async def blob_reader(repo: Repository) -> AsyncIterator[ReadBlob]:
    """One git process that answers with the content of object after object, unfiltered."""
    async with git_process(repo.git, "cat-file", "--batch") as process:
        source, sink = process.stdout, process.stdin
        assert source is not None  # noqa: S101  both are pipes
        assert sink is not None  # noqa: S101

        async def read(name: str) -> bytes:
            sink.write(name.encode() + b"\n")
            async with asyncio.timeout(TIMEOUT_S):
                header = (await source.readline()).split()
                if len(header) != 3 or header[1] != b"blob":
                    raise GitError(f"object {escaped(name)} is missing or is not a file")
                size = int(header[2])
                if size > MAX_BLOB_BYTES:
                    raise GitError(f"object {name} has {size} bytes; {MAX_BLOB_BYTES} are allowed")
                try:
                    return (await source.readexactly(size + 1))[:-1]
                except asyncio.IncompleteReadError as error:
                    raise GitError(f"object {name} is corrupt: run 'git fsck' in the repository") from error

        yield read
        sink.close()
        await process.wait()


def _git_dir(path: Path) -> Path:
    if not path.is_dir():
        raise NotARepository(f"{path} is not a folder: name the folder of a git repository", path=str(path))
    if (path / ".git").exists():
        return path / ".git"
    if (path / "HEAD").is_file() and (path / "objects").is_dir() and (path / "refs").is_dir():
        return path
    above = next((folder for folder in path.parents if (folder / ".git").exists()), None)
    if above is not None:
        raise NotARepository(f"{path} is a subfolder of a repository: name {above}", path=str(path))
    raise NotARepository(
        f"{path} is not a git repository: run 'git init' there and commit, or name another folder",
        path=str(path),
    )


async def _verify(repo: Repository, revision: str) -> str | None:
    """The full hash of a revision, None when it does not exist."""
    if any(ord(c) < 32 or 0xD800 <= ord(c) <= 0xDFFF for c in revision):
        return None
    found = await git_text(
        repo.git, "rev-parse", "--verify", "--quiet", "--end-of-options", revision, ok=(0, 1, 128)
    )
    return found or None


def _entry(line: bytes) -> TreeEntry:
    head, _, path = line.partition(b"\t")
    mode, kind, name, size = head.decode().split()
    shown = path.decode("utf-8", "surrogateescape")
    if kind == "blob" and not size.isdecimal():
        raise GitError(
            f"object {name} of '{escaped(shown)}' is missing: run 'git fsck', or fetch a full clone"
        )
    return TreeEntry(shown, mode, int(size) if kind == "blob" else 0, name)
