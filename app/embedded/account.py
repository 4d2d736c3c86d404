"""The account that Postgres runs as: the one of this process, or a system user when that is root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from app.embedded.errors import AccountUnavailable, FolderRefused

SYSTEM_USER = "workbench"
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
USERADD_OPTIONS = (
    "--system",
    "--no-create-home",
    "--home-dir=/nonexistent",
    "--shell=/usr/sbin/nologin",
)
FIRST_CLOSED_FOLDER = 'for folder; do cd "$folder" 2>/dev/null || { printf %s "$folder"; exit 1; }; done'


@dataclass(frozen=True)
class Account:
    uid: int
    gid: int
    name: str
    switch: bool = False
    """True: this process is root and its commands change to the account."""

    def run(self, *argv: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command as this account, in a session of its own so that a Ctrl-C does not reach it."""
        try:
            return subprocess.run(  # noqa: S603  # argv is fixed by the callers, no shell
                [str(part) for part in argv],
                env=ENVIRONMENT,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
                user=self.uid if self.switch else None,
                group=self.gid if self.switch else None,
                extra_groups=[] if self.switch else None,
            )
        except OSError as error:
            raise AccountUnavailable(
                f"{argv[0]} can not be run as user {self.name}: {error.strerror}; "
                "set WORKBENCH_DATABASE_URL to a Postgres server, or start the service as an ordinary user"
            ) from error

    def own(self, path: Path) -> None:
        if self.switch:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def must_reach(self, folder: Path, *, remedy: str) -> None:
        """Refuse a folder behind one that is closed to this account."""
        if not self.switch:
            return
        tried = self.run("/bin/sh", "-c", FIRST_CLOSED_FOLDER, "sh", *reversed(folder.parents), folder)
        if tried.returncode != 0:
            raise FolderRefused(
                f"user {self.name}, who runs Postgres when the service runs as root, can not enter "
                f"{tried.stdout}; {remedy}",
                folder=tried.stdout,
            )


def postgres_account() -> Account:
    """This process's own account; as root the system user, made when it is missing."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), _own_name())
    return system_user(SYSTEM_USER)


def system_user(name: str) -> Account:
    entry = _entry(name) or _create(name)
    return Account(entry.pw_uid, entry.pw_gid, name, switch=True)


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError as error:
        raise AccountUnavailable(
            f"user id {os.geteuid()} has no entry in /etc/passwd, and Postgres needs one; "
            "add it, or set WORKBENCH_DATABASE_URL to a Postgres server"
        ) from error


def _entry(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _create(name: str) -> pwd.struct_passwd:
    command = shutil.which("useradd", path=SYSTEM_PATH)
    said = "there is no useradd command"
    if command:
        done = subprocess.run(  # noqa: S603  # fixed argv, no shell
            [command, *USERADD_OPTIONS, name],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )
        said = done.stderr.strip()
    entry = _entry(name)  # another process may have made it meanwhile, so the user counts, not the exit code
    if entry is None:
        raise AccountUnavailable(
            f"Postgres refuses to run as root and the system user {name!r} could not be made ({said}); "
            f"make it (useradd --system {name}), start the service as an ordinary user, "
            "or set WORKBENCH_DATABASE_URL to a Postgres server"
        )
    return entry
