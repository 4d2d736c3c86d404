"""Runs that changed are told of together, and what is told reaches who watches."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from app.db import Database
from app.queue.announcer import Announcer
from app.queue.listener import Listener
from app.queue.signals import CHANNEL, IDS_PER_PAYLOAD, Signals, ids_of, payloads
from tests.db.scripted import soon


async def test_who_watches_a_run_is_told_that_it_changed(database: Database) -> None:
    listener, run = Listener(database.url), uuid4()
    announcer = Announcer(database)
    async with Signals(listener).watch(run) as changed, Signals(listener).watch(uuid4()) as other:
        announcer.tell(run)
        await soon(changed.wait())
        assert not other.is_set()
    await announcer.flush()
    await listener.close()


async def test_many_changes_become_few_announcements_and_none_is_lost(database: Database) -> None:
    listener, announcer = Listener(database.url), Announcer(database)
    got: asyncio.Queue[str | bytes | bytearray] = asyncio.Queue()
    await listener.add(CHANNEL, got.put_nowait)
    runs = {uuid4() for _ in range(IDS_PER_PAYLOAD + 50)}
    for _ in range(3):
        for run in runs:
            announcer.tell(run)
    await announcer.flush()
    told = [ids_of(await soon(got.get())) for _ in range(2)]
    assert {id_ for ids in told for id_ in ids} == {str(run) for run in runs}
    assert got.empty()
    await listener.close()


async def test_a_database_that_is_away_loses_an_announcement_and_breaks_nothing(database: Database) -> None:
    announcer = Announcer(database)
    await database.close()
    announcer.tell(uuid4())
    await soon(announcer.flush())


@pytest.mark.parametrize("count", [0, 1, IDS_PER_PAYLOAD, IDS_PER_PAYLOAD + 1])
def test_a_payload_fits_a_notification_and_reads_back(count: int) -> None:
    runs = [uuid4() for _ in range(count)]
    sent = list(payloads(runs))
    assert [id_ for payload in sent for id_ in ids_of(payload.encode())] == [str(run) for run in runs]
    assert all(len(payload) < 8000 for payload in sent)
