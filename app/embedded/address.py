"""Where the embedded Postgres listens: a socket in a closed folder, or a port of 127.0.0.1."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from app.embedded.account import Account
from app.embedded.errors import FolderRefused

USER = "workbench"
SOCKET_PORT = 5432
"""Only a part of the socket's name."""
LONGEST_SOCKET_PATH = 100
"""The kernel takes 107 bytes; Postgres puts a lock file with a longer name beside the socket."""
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Address:
    port: int
    socket_folder: Path | None = None
    """None: the server listens on 127.0.0.1."""

    def url(self, database: str, password: str = "") -> str:
        """For psycopg; with `postgresql+psycopg://` in front for SQLAlchemy too."""
        if self.socket_folder is None:
            return f"postgresql://{USER}:{password}@{LOOPBACK}:{self.port}/{database}"
        # the port stands here so that a PGPORT in the environment does not change it
        return (
            f"postgresql://{USER}@/{database}?host={quote(str(self.socket_folder), safe='')}&port={self.port}"
        )

    def settings(self) -> dict[str, str]:
        """What the server is told at its start; the rest stands in its postgresql.conf."""
        if self.socket_folder is None:
            return {"listen_addresses": LOOPBACK, "unix_socket_directories": "", "port": str(self.port)}
        quoted = str(self.socket_folder).replace('"', '""')
        return {"unix_socket_directories": f'"{quoted}"', "listen_addresses": "", "port": str(self.port)}


def free_port() -> Address:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return Address(port=int(probe.getsockname()[1]))


def socket_folder(state_dir: Path, account: Account) -> Address:
    """A folder in the temp folder that only this user can enter, made when it is missing."""
    folder = _socket_path(state_dir, Path(tempfile.gettempdir()))
    account.must_reach(folder.parent, remedy="set TMPDIR to a folder that every user can enter, such as /tmp")
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid in (os.geteuid(), account.uid)
    if not ours or found.st_mode & 0o077:
        raise FolderRefused(
            f"{folder} should be a folder of yours that only you can enter (mode 0700), and it is not; "
            "remove it, or set TMPDIR to another folder",
            folder=str(folder),
        )
    account.own(folder)
    for left in folder.glob(".s.PGSQL.*"):  # a crashed server's: none runs when a new address is asked for
        left.unlink()
    return Address(port=SOCKET_PORT, socket_folder=folder)


def forget_socket_folder(state_dir: Path) -> None:
    with suppress(OSError):
        _socket_path(state_dir, Path(tempfile.gettempdir())).rmdir()


def written_by_server(lines: list[str]) -> Address | None:
    """What the lines of a postmaster.pid say; None while the server is still writing them."""
    if len(lines) < 8:
        return None
    return Address(port=int(lines[3]), socket_folder=Path(lines[4]) if lines[4] else None)


def _socket_path(state_dir: Path, base: Path) -> Path:
    digest = hashlib.sha256(os.fsencode(state_dir)).hexdigest()[:12]
    folder = base / f"workbench-{os.geteuid()}-{digest}"
    too_long = len(os.fsencode(folder)) + len(f"/.s.PGSQL.{SOCKET_PORT}") > LONGEST_SOCKET_PATH
    # libpq reads a comma in a host as a list
    return Path("/tmp") / folder.name if too_long or "," in str(folder) else folder  # noqa: S108  # mode, owner checked
