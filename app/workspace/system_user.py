"""The unprivileged user that sandboxes run as when the service itself is root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass

from app.workspace.execution import SandboxUnavailable

NAME = "workbench-sandbox"


@dataclass(frozen=True)
class SystemUser:
    uid: int
    gid: int


def sandbox_user(name: str = NAME) -> SystemUser | None:
    """None for an ordinary user, who needs no other; as root the dedicated user, created when missing.

    Root inside a user namespace still is root to /proc/sys and to process limits.
    """
    if os.geteuid() != 0:
        return None
    user = _known(name) or _created(name)
    if user.uid == 0 or user.gid == 0:
        raise SandboxUnavailable(f"the user {name} is root; give it a uid and a gid of its own")
    return user


def _known(name: str) -> SystemUser | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return SystemUser(entry.pw_uid, entry.pw_gid)


def _created(name: str) -> SystemUser:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        raise SandboxUnavailable(
            f"as root the sandbox needs the system user {name}, and there is no useradd; create that user"
        )
    options = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    argv = [useradd, *options, "--shell", "/usr/sbin/nologin", "--", name]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603 - fixed argv
    user = _known(name)  # another process may have been faster, so the exit code alone says little
    if user is None:
        raise SandboxUnavailable(f"can not create the system user {name}: {done.stderr.strip()}")
    return user
