"""Pushes one commit to one branch of a remote: never with force, and by no setting of the repository."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import shutil
import stat
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from app.errors import Conflict, Invalid, WorkbenchError
from app.workspace.access import GitAccess
from app.workspace.git import Caller, GitError, git
from app.workspace.remote import Remote
from app.workspace.repository import Repository

PUSHED = re.compile(r"workbench/[0-9a-f-]{36}")
"""The only branches that are ever pushed: one run's own, which nobody works on."""
_HEADS = "refs/heads/"
_FLAGS = (
    "http.followRedirects=false",
    "http.sslVerify=true",
    "credential.helper=",
    "transfer.credentialsInUrl=die",
    "push.gpgSign=false",
)
"""A redirect would be asked with the token of the host that sent it."""
_UNAUTHORIZED = ("could not read Username", "could not read Password", "Authentication failed", "403")


class PushFailed(WorkbenchError):
    """The remote did not take the branch; the commit is where it was."""

    status = 502
    code = "push_failed"


class RemoteBranchExists(Conflict):
    """The run's branch is on the remote already, at another commit."""

    code = "remote_branch_exists"


class RemoteIsEmpty(Conflict):
    """The first branch of a remote becomes its default branch, and that must not be a run's."""

    code = "remote_is_empty"


async def push_commit(repo: Repository, remote: Remote, branch: str, commit: str, access: GitAccess) -> None:
    """Make the branch on the remote, at this commit; it is fine when it is there already like that.

    Raises `RemoteBranchExists`, `RemoteIsEmpty`, `PushFailed`.
    """
    if not PUSHED.fullmatch(branch):
        raise Invalid(f"'{branch}' is not the branch of a run: nothing else is pushed")
    try:
        async with _outbox(repo, commit) as caller:
            if await _is_there(caller, remote, branch, commit, access):
                return
            await _git(
                caller, remote, access, "push", "--quiet", "--no-verify", "--no-signed", "--no-follow-tags",
                "--recurse-submodules=no", "--", remote.url, f"{commit}:{_HEADS}{branch}",
            )  # fmt: skip
    except GitError as error:
        raise _failed(remote, access, error) from None
    except OSError as error:
        raise PushFailed(f"nothing could be pushed to {remote.url}: {error.strerror}") from error


async def _is_there(caller: Caller, remote: Remote, branch: str, commit: str, access: GitAccess) -> bool:
    output = await _git(
        caller, remote, access, "ls-remote", "--symref", "--", remote.url, "HEAD", f"{_HEADS}*"
    )
    lines = [line.split("\t") for line in output.decode("utf-8", "replace").splitlines() if "\t" in line]
    found = {name: what for what, name in lines if name.startswith(_HEADS)}
    if any(what == f"ref: {_HEADS}{branch}" for what, _ in lines):
        raise RemoteBranchExists(
            f"'{branch}' is the default branch of {remote.url}, which is never pushed to"
        )
    if not found:
        raise RemoteIsEmpty(
            f"{remote.url} has no branch yet, so '{branch}' would be its default: push yours first"
        )
    there = found.get(f"{_HEADS}{branch}")
    if there not in (None, commit):
        raise RemoteBranchExists(
            f"'{branch}' of {remote.url} is at {str(there)[:12]}, not at {commit[:12]}, and nothing is "
            "pushed with force: rename or delete it there"
        )
    return there == commit


async def _git(caller: Caller, remote: Remote, access: GitAccess, *arguments: str) -> bytes:
    return await git(
        caller,
        *arguments,
        env=access.environment(remote),
        flags=_FLAGS,
        secrets=access.secrets(),
        timeout_s=access.timeout_s,
    )


@asynccontextmanager
async def _outbox(repo: Repository, commit: str) -> AsyncIterator[Caller]:
    """An empty repository that borrows the objects of the other one, and knows none of its settings.

    So no credential helper, rewritten address, proxy, hook or ssh command of that one counts. The service
    pushes as itself, also where root works for the owner: its token and keys are none of the owner's.
    """
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="workbench-outbox-"))
    try:
        await asyncio.to_thread(_fill, folder, repo.common_dir, commit)
        yield Caller(folder)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, True)


def _fill(folder: Path, lender: Path, commit: str) -> None:
    files: Mapping[str, str] = {
        "HEAD": f"ref: {_HEADS}none\n",
        "config": _config(commit),
        "objects/info/alternates": f"{lender / 'objects'}\n",
        "refs/heads/.keep": "",
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    (folder / "refs/heads/.keep").unlink()
    _copy_shallow(lender, folder)


def _copy_shallow(lender: Path, folder: Path) -> None:
    """Where the history of a shallow clone ends. A link may lead to what only the service may read."""
    try:
        number = os.open(lender / "shallow", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP):
            return
        raise
    with os.fdopen(number, "rb") as source:
        if stat.S_ISREG(os.fstat(number).st_mode):
            with (folder / "shallow").open("wb") as copy:
                shutil.copyfileobj(source, copy)


def _config(commit: str) -> str:
    if len(commit) == 64:
        return "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectFormat = sha256\n"
    return "[core]\n\trepositoryformatversion = 0\n"


def _failed(remote: Remote, access: GitAccess, error: GitError) -> PushFailed:
    """What git said has no secret in it any more."""
    hint = None
    if remote.scheme != "ssh" and any(sign in error.stderr for sign in _UNAUTHORIZED):
        hint = _who(remote, access)
    elif "Host key verification failed" in error.stderr:
        hint = "make its key known: WORKBENCH_GIT_KNOWN_HOSTS, or the known_hosts of the service's account"
    elif "Permission denied (" in error.stderr:
        hint = "give the service a key that may push: WORKBENCH_GIT_SSH_KEY, or an agent"
    said = f"{error.message}; {hint}" if hint else error.message
    return PushFailed(f"{remote.url} did not take the branch: {said}")


def _who(remote: Remote, access: GitAccess) -> str:
    if not access.token:
        return f"set WORKBENCH_GIT_TOKEN, and WORKBENCH_GIT_TOKEN_HOST={remote.host}"
    if not access.has_token_for(remote):
        return f"the token is for {access.token_host or 'no host'}: WORKBENCH_GIT_TOKEN_HOST={remote.host}"
    return "check that WORKBENCH_GIT_TOKEN is valid and may push, and WORKBENCH_GIT_USERNAME"
