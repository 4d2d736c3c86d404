"""The data folder of the embedded Postgres, made once with its settings, and the server that works on it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from app.embedded import password, serverlog
from app.embedded.account import Account
from app.embedded.address import USER, Address, written_by_server
from app.embedded.errors import FolderRefused, InitFailed, StartFailed, StillInUse, WrongVersion

MAJOR = "18"
HALF_MADE = "postgres-new-"
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "512MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "datestyle": "ISO, YMD",
    "log_checkpoints": "off",
}
"""The lines that initdb writes into postgresql.conf."""
LONGEST_START_S = "300"
"""Recovery after a crash may take long; a server that fails ends the wait at once."""
CRASHED_STILL_ENDS = "pre-existing shared memory block"
NO_PROCESS = 2**31 - 1
"""Larger than any process number."""
UNSAFE_FOR_PG_CTL = frozenset('"$`\\\n')
"""pg_ctl puts paths into a shell command between double quotes."""


class Cluster:
    def __init__(self, folder: Path, bin_folder: Path, account: Account, password_file: Path) -> None:
        self.folder = folder
        self._bin = bin_folder
        self._account = account
        self._password_file = password_file

    def ensure(self) -> None:
        """Make the data folder when it is missing; refuse one that this Postgres can not use."""
        for path in (self.folder, self._bin):
            if UNSAFE_FOR_PG_CTL & set(str(path)):
                raise FolderRefused(f'Postgres can not work in {path}: a path with " $ ` or \\ is refused')
        for left in self.folder.parent.glob(f"{HALF_MADE}*"):
            shutil.rmtree(left, ignore_errors=True)
        version = self.folder / "PG_VERSION"
        if version.exists():
            self._must_fit(version.read_text().strip())
        elif self.folder.exists() and any(self.folder.iterdir()):
            raise FolderRefused(f"{self.folder} holds files but no Postgres data; move it away")
        else:
            self._make()

    def address(self) -> Address | None:
        """Where the server on this folder listens; None when none runs."""
        if self._pg_ctl("status").returncode != 0:
            return None
        pid_file = self.folder / "postmaster.pid"
        try:
            lines = pid_file.read_text().splitlines()
        except FileNotFoundError:  # it stopped just now
            return None
        if lines and not _is_server_of(int(lines[0]), self.folder):
            # A crash left the file, and its number belongs to another process now. The file stays: its last
            # lines keep a new server off the data while processes of the crashed one still end.
            self._account.run("/usr/bin/env", "sed", "-i", f"1s/.*/{NO_PROCESS}/", pid_file)
            return None
        return written_by_server(lines)

    def launch(self, address: Address) -> None:
        options = shlex.join(f"-c{name}={value}" for name, value in address.settings().items())
        log = self.folder / serverlog.LOG
        serverlog.cut(self.folder, self._account)
        done = self._pg_ctl("-w", "-t", LONGEST_START_S, "-l", log, "-o", options, "start")
        if done.returncode != 0 and self.address() is None:
            tail = self.log_tail()
            kind = StillInUse if CRASHED_STILL_ENDS in tail else StartFailed
            raise kind(f"the embedded Postgres did not start; {log} ends with:\n{tail}")

    def stop(self) -> None:
        stopped = self._pg_ctl("-m", "fast", "-w", "-t", "60", "stop").returncode == 0
        if not stopped and self.address() is not None:
            self._pg_ctl("-m", "immediate", "-w", "stop")

    def log_tail(self) -> str:
        return self._account.run(
            "/usr/bin/env", "tail", "-n", "15", self.folder / serverlog.LOG
        ).stdout.strip()

    def _pg_ctl(self, *argv: str | Path) -> subprocess.CompletedProcess[str]:
        return self._account.run(self._bin / "pg_ctl", "-D", self.folder, *argv)

    def _must_fit(self, version: str) -> None:
        if version != MAJOR:
            raise WrongVersion(
                f"{self.folder} was made by Postgres {version}, and the embedded one is {MAJOR}; dump it "
                f"with Postgres {version}, move the folder away, start again and restore the dump",
                found=version,
                needed=MAJOR,
            )

    def _make(self) -> None:
        """initdb into a folder beside, then a rename: a failure or a kill leaves no half-made data folder."""
        part = Path(tempfile.mkdtemp(prefix=HALF_MADE, dir=self.folder.parent))
        try:
            self._account.own(part)
            self._initdb(part)
            part.rename(self.folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def _initdb(self, part: Path) -> None:
        options = [f"--set={name}={value}" for name, value in SETTINGS.items()]
        options += ["--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--no-locale"]
        with tempfile.NamedTemporaryFile("w", dir=self.folder.parent, prefix=HALF_MADE) as handed:
            handed.write(password.new(self._password_file))
            handed.flush()
            self._account.own(Path(handed.name))
            options.append(f"--pwfile={handed.name}")
            done = self._account.run(self._bin / "initdb", "-D", part, "-U", USER, *options)
        if done.returncode != 0:
            last = "\n".join(done.stdout.strip().splitlines()[-15:])
            raise InitFailed(
                f"the data folder {self.folder} could not be made (is the disk full?); initdb said:\n{last}"
            )


def is_served(data_folder: Path) -> bool:
    """Whether a server is at work, by a look at its file and its process; nothing is started for it."""
    try:
        lines = (data_folder / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return bool(lines) and _is_server_of(int(lines[0]), data_folder)


def _is_server_of(pid: int, data_folder: Path) -> bool:
    """Whether the process is the Postgres of this folder; True where the system does not tell."""
    try:
        argv = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except FileNotFoundError:
        return not Path("/proc/self").exists()
    return os.fsencode(data_folder) in argv
