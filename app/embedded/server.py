"""The life of the embedded Postgres: the first process that uses it starts it, the last one stops it."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO

import psycopg

from app.embedded import address as addresses
from app.embedded import binaries, password, serverlog
from app.embedded.account import Account, postgres_account
from app.embedded.address import Address
from app.embedded.cluster import Cluster, is_served
from app.embedded.errors import FolderRefused, StartFailed, StillInUse

DATABASE = "workbench"
DATA = "postgres"
"""The data folder in the state folder."""
ANSWER_WITHIN_S = 30.0
"""How long a server that runs may refuse connections (it starts, stops or recovers) before it is given up."""


class EmbeddedPostgres:
    """A user of the Postgres in `state_dir`.

    Users are counted by a lock that each holds while it lives, so a kill -9 can not leave the count wrong.
    """

    def __init__(self, state_dir: Path, *, tcp: bool = False) -> None:
        """`tcp`: listen on 127.0.0.1 with a password, for use where Unix sockets are denied."""
        self._state = state_dir.expanduser().resolve()
        self._tcp = tcp
        self._users: IO[str] | None = None
        self._url = ""
        self._port: Address | None = None
        """The port of 127.0.0.1 that the URL names; a server that is started again has to take it."""

    def start(self) -> str:
        """Start the server unless it runs; returns the URL of its database once a connection succeeded."""
        if self._users is None:
            try:
                self._join()
            except OSError as error:
                raise FolderRefused(
                    f"the state folder {self._state} can not be used: {error}; "
                    "set WORKBENCH_STATE_DIR to a folder of your own on a disk with 200 MB to spare"
                ) from error
        return self._url

    def revive(self) -> bool:
        """Start the server again if it died while we use it, under the same URL. True: it was started.

        Costs one look at a file as long as the server lives.
        """
        if self._users is None or is_served(self._state / DATA):
            return False
        account = postgres_account()
        with self._starting():
            self._url = self._serve(self._cluster(account), account, alone=False)
        return True

    def cut_log(self) -> bool:
        """Shorten the log of the server we use when it has become too long. True: it had.

        Costs one look at a file as long as it has not.
        """
        if self._users is None or not serverlog.is_long(self._state / DATA):
            return False
        with self._starting():
            return serverlog.cut(self._state / DATA, postgres_account())

    def release(self) -> bool:
        """Leave the server. True: nobody else used it, so it was stopped."""
        if self._users is None:
            return False
        users, self._users = self._users, None
        with users, self._starting():
            if not _is_only_user(users):
                return False
            self._cluster(postgres_account()).stop()
            addresses.forget_socket_folder(self._state)
            return True

    def __enter__(self) -> str:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _join(self) -> None:
        account = postgres_account()
        _make_folder(self._state, 0o711 if account.switch else 0o700)
        account.must_reach(
            self._state,
            remedy="set WORKBENCH_STATE_DIR to a folder that all users can enter, such as /var/lib/workbench",
        )
        with self._starting():
            users = _open_private(self._state / "users.lock")
            try:
                self._url = self._serve(self._cluster(account), account, alone=_is_only_user(users))
                fcntl.flock(users, fcntl.LOCK_SH)
            except BaseException:
                users.close()
                raise
            self._users = users

    def _serve(self, cluster: Cluster, account: Account, *, alone: bool) -> str:
        cluster.ensure()
        if alone and cluster.address() is not None:
            cluster.stop()  # its users were killed; its socket, port or programs may be gone
        give_up = time.monotonic() + ANSWER_WITHIN_S
        while True:
            try:
                return self._open_database(cluster.address() or self._launch(cluster, account))
            except (psycopg.OperationalError, StillInUse) as error:
                if time.monotonic() > give_up:
                    raise StartFailed(
                        f"the embedded Postgres runs but takes no connection: {error}; "
                        f"{cluster.folder} logs:\n{cluster.log_tail()}"
                    ) from error
            time.sleep(0.1)

    def _launch(self, cluster: Cluster, account: Account) -> Address:
        if account.switch:
            binaries.forget_others(self._programs(account))
        if self._tcp:
            address = self._port or addresses.free_port()
        else:
            address = addresses.socket_folder(self._state, account)
        cluster.launch(address)
        return address

    def _open_database(self, address: Address) -> str:
        """Connect, and make the database at the first start."""
        if self._tcp and address.socket_folder is not None:
            raise StartFailed(
                f"the Postgres in {self._state} is in use and listens on a socket only; "
                "stop the other processes that use it, or give this one a state folder of its own"
            )
        secret = ""
        if address.socket_folder is None:
            self._port = address
            secret = password.read(self._password_file)
        with psycopg.connect(
            address.url("postgres", secret), autocommit=True, connect_timeout=5
        ) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if known is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")
        return address.url(DATABASE, secret)

    def _cluster(self, account: Account) -> Cluster:
        return Cluster(self._state / DATA, self._programs(account), account, self._password_file)

    def _programs(self, account: Account) -> Path:
        return binaries.copied(self._state / "postgres-bin") if account.switch else binaries.shipped()

    @property
    def _password_file(self) -> Path:
        return self._state / "postgres.password"

    @contextmanager
    def _starting(self) -> Iterator[None]:
        """One process at a time starts, joins, leaves or stops the server."""
        with _open_private(self._state / "start.lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _is_only_user(users: IO[str]) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _open_private(path: Path) -> IO[str]:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+")


def _make_folder(folder: Path, mode: int) -> None:
    """Make the folder and what is missing above it, whatever the umask; what exists stays as it is."""
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        with suppress(FileExistsError):
            missing.mkdir()
            missing.chmod(mode)
