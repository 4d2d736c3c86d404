"""The embedded Postgres for as long as a block lasts, started again when it dies in between."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.embedded.errors import EmbeddedPostgresError
from app.embedded.server import EmbeddedPostgres

log = logging.getLogger(__name__)

LOOK_S = 1.0
AFTER_FAILURE_S = 10.0
"""Pause after a start that failed: a full disk is not empty a second later."""


@asynccontextmanager
async def kept(embedded: EmbeddedPostgres) -> AsyncIterator[str]:
    """The URL of the database. A server that was killed, or ran out of disk, comes back under this URL.

    Its log is kept short, too.
    """
    url = await asyncio.to_thread(embedded.start)
    keeper = asyncio.create_task(_keep(embedded))
    try:
        yield url
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        await asyncio.to_thread(embedded.release)


async def _keep(embedded: EmbeddedPostgres) -> None:
    while True:
        await asyncio.sleep(LOOK_S)
        try:
            if await asyncio.to_thread(embedded.revive):
                log.warning("the embedded Postgres had died and was started again")
            await asyncio.to_thread(embedded.cut_log)
        except (EmbeddedPostgresError, OSError) as error:
            log.error("the embedded Postgres has died and can not be started again yet: %s", error)
            await asyncio.sleep(AFTER_FAILURE_S)
