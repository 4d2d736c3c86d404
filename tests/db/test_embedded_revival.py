"""The embedded Postgres dies under the service that uses it."""

from __future__ import annotations

import asyncio
import os
import select
import signal
from pathlib import Path

import psycopg
import pytest

from app.db import Database
from app.embedded import EmbeddedPostgres, kept, serverlog
from app.errors import Unavailable
from tests.db.scripted import LIMIT_S, until

by_socket = pytest.mark.skipif("WORKBENCH_IN_SANDBOX" in os.environ, reason="a sandbox has no Unix sockets")


@by_socket
@pytest.mark.parametrize("how", [signal.SIGQUIT, signal.SIGKILL])
async def test_a_server_that_dies_under_its_user_is_back_soon_at_the_same_address(
    state_dir: Path, how: signal.Signals
) -> None:
    async with kept(EmbeddedPostgres(state_dir)) as url:
        database = Database(url)
        await database.ping()
        os.kill(_server(state_dir), how)
        await _answers(database)
        await database.close()


@by_socket
async def test_the_log_of_a_server_in_use_is_kept_short(state_dir: Path) -> None:
    async with kept(EmbeddedPostgres(state_dir)):
        log = state_dir / "postgres" / "server.log"
        with log.open("ab") as file:
            file.write(b"something\n" * (serverlog.LONGEST // 10 + 1))
        await until(lambda: log.stat().st_size < serverlog.LONGEST)


def test_a_revived_server_keeps_its_port(state_dir: Path) -> None:
    with EmbeddedPostgres(state_dir, tcp=True) as url:
        embedded = EmbeddedPostgres(state_dir, tcp=True)
        assert embedded.start() == url
        server = _server(state_dir)
        os.kill(server, signal.SIGQUIT)
        _wait_for_the_end_of(server)
        assert embedded.revive()
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert not embedded.revive()
        embedded.release()


@by_socket
def test_a_server_that_nobody_uses_is_left_dead(state_dir: Path) -> None:
    embedded = EmbeddedPostgres(state_dir)
    embedded.start()
    embedded.release()
    assert not embedded.revive()


def _server(state: Path) -> int:
    return int((state / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def _wait_for_the_end_of(process: int) -> None:
    descriptor = os.pidfd_open(process)
    select.select([descriptor], [], [], LIMIT_S)
    os.close(descriptor)


async def _answers(database: Database) -> None:
    async with asyncio.timeout(LIMIT_S):
        while True:
            try:
                await database.ping()
                return
            except Unavailable:
                await asyncio.sleep(0.05)
