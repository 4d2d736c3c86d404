"""The unprivileged user that sandboxes run as when the service itself is root."""

from __future__ import annotations

import os
from dataclasses import dataclass

from app.accounts import AccountUnavailable, system_user
from app.workspace.sandbox.execution import SandboxUnavailable

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
    try:
        entry = system_user(name)
    except AccountUnavailable as missing:
        raise SandboxUnavailable(
            f"as root the sandbox needs a user of its own, and {missing.message}"
        ) from missing
    if entry.pw_uid == 0 or entry.pw_gid == 0:
        raise SandboxUnavailable(f"the user {name} is root; give it a uid and a gid of its own")
    return SystemUser(entry.pw_uid, entry.pw_gid)
