"""The Postgres that all contenders share: one of its own with the shipped settings, or a given one."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from app.embedded import EmbeddedPostgres

SETTINGS = ("server_version", "fsync", "synchronous_commit", "shared_buffers", "max_wal_size")


@dataclass(frozen=True)
class Server:
    """A running Postgres on which databases may be made."""

    url: str
    scratch: Path
    """A folder that every user of this machine can enter."""

    @contextmanager
    def database(self, name: str) -> Iterator[str]:
        """The URL of an empty database that is gone at the end of the block."""
        unique = f"benchmark_{name}_{secrets.token_hex(4)}"
        self._execute("CREATE DATABASE {}", unique)
        try:
            yield make_url(self.url).set(database=unique).render_as_string(hide_password=False)
        finally:
            self._execute("DROP DATABASE {} WITH (FORCE)", unique)

    def settings(self) -> dict[str, str]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return {name: connection.execute(f"SHOW {name}").fetchone()[0] for name in SETTINGS}  # type: ignore[index]

    def _execute(self, statement: str, name: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))


@contextmanager
def serving(url: str | None) -> Iterator[Server]:
    """The given server, or an embedded one in a folder that is gone afterwards."""
    scratch = Path(tempfile.mkdtemp(prefix="workbench-benchmarks-", dir="/var/tmp"))
    scratch.chmod(0o711)
    try:
        if url is not None:
            yield Server(url, scratch)
            return
        with EmbeddedPostgres(scratch / "postgres") as embedded:
            yield Server(embedded, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
