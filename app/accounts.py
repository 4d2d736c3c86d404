"""System users that the service works as when it is started as root."""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import Unavailable

SYSTEM_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"
OPTIONS = (
    "--system", "--user-group", "--no-create-home", "--home-dir=/nonexistent", "--shell=/usr/sbin/nologin",
)  # fmt: skip
LOCK = "/etc/.pwd.lock"
"""Only root can open it. useradd takes a lock of another kind on it."""


class AccountUnavailable(Unavailable):
    """A system user is missing and could not be made."""

    code = "account_unavailable"


def system_user(name: str) -> pwd.struct_passwd:
    """The user's entry; made when it is missing. Raises `AccountUnavailable` that says what useradd said."""
    entry = _entry(name)
    if entry is not None:
        return entry
    with _alone():
        said = "" if _entry(name) else _make(name)
    entry = _entry(name)  # the user counts, not the exit code
    if entry is None:
        raise AccountUnavailable(
            f"the system user {name!r} is missing and could not be made ({said}); "
            f"make it with: useradd --system {name}"
        )
    return entry


def _make(name: str) -> str:
    """What useradd said."""
    command = shutil.which("useradd", path=SYSTEM_PATH)
    if command is None:
        return "there is no useradd command"
    argv = [command, *OPTIONS, "--", name]
    done = subprocess.run(argv, capture_output=True, text=True, errors="replace")  # noqa: S603 - fixed argv
    return done.stderr.strip()


@contextmanager
def _alone() -> Iterator[None]:
    """One process of ours at a time: two useradd that start together make two users of one name."""
    try:
        lock = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:  # not root, or nothing can be written there; useradd will say so
        yield
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _entry(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None
