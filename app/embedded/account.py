"""The account that Postgres runs as: the one of this process, or a system user when that is root."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from app import accounts
from app.accounts import system_user
from app.embedded.errors import AccountUnavailable, FolderRefused

SYSTEM_USER = "workbench"
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
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
    return switched(SYSTEM_USER)


def switched(name: str) -> Account:
    """The system user of that name; its commands change to it."""
    try:
        entry = system_user(name)
    except accounts.AccountUnavailable as missing:
        raise AccountUnavailable(
            f"Postgres refuses to run as root, and {missing.message}; or start the service as an ordinary "
            "user, or set WORKBENCH_DATABASE_URL to a Postgres server"
        ) from missing
    return Account(entry.pw_uid, entry.pw_gid, name, switch=True)


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError as error:
        raise AccountUnavailable(
            f"user id {os.geteuid()} has no entry in /etc/passwd, and Postgres needs one; "
            "add it, or set WORKBENCH_DATABASE_URL to a Postgres server"
        ) from error
