"""System users that the service works as when it is started as root."""

from __future__ import annotations

import pwd
import shutil
import subprocess

from app.errors import Unavailable

SYSTEM_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"
OPTIONS = (
    "--system", "--user-group", "--no-create-home", "--home-dir=/nonexistent", "--shell=/usr/sbin/nologin",
)  # fmt: skip


class AccountUnavailable(Unavailable):
    """A system user is missing and could not be made."""

    code = "account_unavailable"


def system_user(name: str) -> pwd.struct_passwd:
    """The user's entry; made when it is missing. Raises `AccountUnavailable` that says what useradd said."""
    entry = _entry(name)
    if entry is not None:
        return entry
    command = shutil.which("useradd", path=SYSTEM_PATH)
    said = "there is no useradd command"
    if command:
        argv = [command, *OPTIONS, "--", name]
        done = subprocess.run(argv, capture_output=True, text=True, errors="replace")  # noqa: S603 - fixed argv
        said = done.stderr.strip()
    entry = _entry(name)  # another process may have made it meanwhile, so the user counts, not the exit code
    if entry is None:
        raise AccountUnavailable(
            f"the system user {name!r} is missing and could not be made ({said}); "
            f"make it with: useradd --system {name}"
        )
    return entry


def _entry(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None
