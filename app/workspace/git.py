"""The only place that calls git: a constructed environment, no hooks, no filters, no network, a deadline."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from app.errors import Unavailable, WorkbenchError
from app.failpoints import failpoint
from app.workspace.files import escaped

TIMEOUT_S = 120.0
OUTPUT_LIMIT = 64 * 1024 * 1024
HEAD_BYTES = 4096
"""Of what git says on stderr; what follows is read and dropped."""

_FLAGS = (
    "safe.bareRepository=explicit",
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.symlinks=false",
    "core.protectHFS=true",
    "core.protectNTFS=true",
    "core.attributesFile=/dev/null",
    "core.fsync=committed",
    "core.filesRefLockTimeout=1000",
    "core.quotePath=false",
    "protocol.allow=never",
    "submodule.recurse=false",
    "commit.gpgSign=false",
    "i18n.commitEncoding=UTF-8",
    "i18n.logOutputEncoding=UTF-8",
    "gc.auto=0",
    "maintenance.auto=false",
)
"""They win over the repository's own configuration, which belongs to somebody else."""


class GitError(WorkbenchError):
    """A git command failed; the message has its verb and its last words."""

    status = 502
    code = "git_error"

    def __init__(self, message: str, *, returncode: int | None = None, stderr: str = "") -> None:
        super().__init__(message, returncode=returncode, stderr=stderr)
        self.returncode = returncode
        self.stderr = stderr


@dataclass(frozen=True)
class Caller:
    """Which git directory the commands are for, and as whom they run."""

    git_dir: Path
    user: int | None = None
    """Root works on somebody else's repository as its owner, so that new objects stay theirs and nothing
    that git might start has root's rights. None: as the service itself."""
    group: int | None = None


def caller_for(git_dir: Path) -> Caller:
    """The caller that fits the owner of the git directory."""
    owner = git_dir.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        return Caller(git_dir, owner.st_uid, owner.st_gid)
    return Caller(git_dir)


async def git(
    caller: Caller,
    *arguments: str,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    ok: Sequence[int] = (0,),
    limit: int = OUTPUT_LIMIT,
    timeout_s: float = TIMEOUT_S,
    flags: Sequence[str] = (),
    secrets: Sequence[str] = (),
) -> bytes:
    """The output of one git command. Raises `GitError` on failure, on the deadline and past the limit.

    `flags` are settings beside those of every command; `secrets` stand in no message, whoever repeats them.
    """
    verb = arguments[0]
    try:
        async with (
            asyncio.timeout(timeout_s),
            git_process(caller, *arguments, env=env, flags=flags) as process,
        ):
            with failpoint(f"git.{verb}"):
                output, errors, _ = await asyncio.gather(
                    _read(process.stdout, limit), _head(process.stderr), _feed(process, stdin)
                )
                code = await process.wait()
    except TimeoutError as error:
        raise GitError(f"git {verb} did not end within {timeout_s:g} s") from error
    words = escaped(_without(errors, secrets), 500)
    if code not in ok:
        raise GitError(f"git {verb} failed ({code}): {words}", returncode=code, stderr=words)
    return output


async def git_text(caller: Caller, *arguments: str, ok: Sequence[int] = (0,)) -> str:
    """The output as one stripped text."""
    return (await git(caller, *arguments, ok=ok)).decode("utf-8", "replace").strip()


@asynccontextmanager
async def git_process(
    caller: Caller, *arguments: str, env: Mapping[str, str] | None = None, flags: Sequence[str] = ()
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A running git command with pipes; its whole process group is dead when the block ends."""
    process = await _start(caller, arguments, env or {}, flags)
    try:
        yield process
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.shield(process.wait())


async def _start(
    caller: Caller, arguments: Sequence[str], env: Mapping[str, str], flags: Sequence[str]
) -> asyncio.subprocess.Process:
    identity: dict[str, object] = {}
    if caller.user is not None:
        identity = {"user": caller.user, "group": caller.group, "extra_groups": []}
    try:
        return await asyncio.create_subprocess_exec(
            *_command(caller.git_dir, arguments, flags),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=_environment(env),
            cwd="/",
            start_new_session=True,
            **identity,  # type: ignore[arg-type]
        )
    except PermissionError as error:
        raise GitError(
            f"git can not be started as user {caller.user}, who owns {caller.git_dir}: "
            "run the service as that user, or let it change users"
        ) from error


def _command(git_dir: Path, arguments: Sequence[str], more: Sequence[str]) -> list[str]:
    """`--git-dir` and `--work-tree` are given, so git looks for nothing and trusts this one folder.

    With an explicit git directory git does not ask who owns it; `safe.directory` says so too, which git
    takes from the command line (it would not from the repository's own configuration).
    """
    flags = [part for flag in (*_FLAGS, *more, f"safe.directory={git_dir}") for part in ("-c", flag)]
    return [_git(), f"--git-dir={git_dir}", "--work-tree=/", *flags, *arguments]


def _git() -> str:
    found = shutil.which("git")
    if found is None:
        raise Unavailable("git is not installed: install it (Debian and Ubuntu: apt-get install git)")
    return found


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": "/nonexistent",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        # the repository's own protocol.<name>.allow would win over protocol.allow=never; this wins over both
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_PAGER": "cat",
        "GIT_EDITOR": "/bin/false",
        **extra,
    }


async def _read(stream: asyncio.StreamReader | None, limit: int) -> bytes:
    assert stream is not None  # noqa: S101  both are pipes
    parts, size = [], 0
    while part := await stream.read(1 << 16):
        size += len(part)
        if size > limit:
            raise GitError(f"git wrote more than {limit} bytes")
        parts.append(part)
    return b"".join(parts)


async def _head(stream: asyncio.StreamReader | None) -> bytes:
    """The first words; the rest is read and dropped, so that git never waits for a reader."""
    assert stream is not None  # noqa: S101  it is a pipe
    head = b""
    while part := await stream.read(1 << 16):
        head = (head + part)[:HEAD_BYTES]
    return head


def _without(said: bytes, secrets: Sequence[str]) -> str:
    """The text with none of them, also not with the head of one where the text was cut off."""
    text = said.decode("utf-8", "replace")
    for secret in secrets:
        text = text.replace(secret, "[secret]")
    longest = max((len(secret) for secret in secrets), default=0)
    return (text[:-longest] if longest and len(said) == HEAD_BYTES else text).strip()


async def _feed(process: asyncio.subprocess.Process, data: bytes) -> None:
    assert process.stdin is not None  # noqa: S101  it is a pipe
    gone = (BrokenPipeError, ConnectionResetError, RuntimeError)  # the last one is uvloop's word for it
    with suppress(*gone):  # git ended early; its exit code tells why
        if data:
            process.stdin.write(data)
            await process.stdin.drain()
    process.stdin.close()
    with suppress(*gone):
        await process.stdin.wait_closed()
