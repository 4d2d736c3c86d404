"""One pool, one commit place: `Database.transaction()`; what an outage raises; and the migrations to head."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from sqlalchemy import create_engine, text
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine

from app.errors import Unavailable
from app.failpoints import failpoint
from app.settings import ROOT

log = logging.getLogger(__name__)
T = TypeVar("T")

LOST = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.InternalError,
    OperationalError,
    InterfaceError,
    InternalError,
    PoolExhausted,
)
"""What is raised while the database is away: bare by psycopg, wrapped by the ORM.

An `InternalError` is a database that takes no writes for now, or a session that the server ended while this
process was frozen in a transaction. Anything else is wrong with the database, or with us.
"""
RETRY_S = 0.5
SESSION_OPTIONS = "-c timezone=UTC -c idle_in_transaction_session_timeout=15s"
"""A process that was frozen in the middle of a transaction must not keep its locks."""
POOL_TIMEOUT_S = 10.0
RECONNECT_S = 1.0
"""The pool doubles the pause between its tries to connect, for so long: after half a minute without a
database it would not look for as long again."""
DIRECT_CONNECTIONS = 6
"""Each statement takes about a millisecond; more connections would only be cold ones."""
DIRECT_OPTIONS = f"{SESSION_OPTIONS} -c plan_cache_mode=force_generic_plan"
"""Planning a checkpoint anew each time costs the database as much as doing it; its plan never changes."""
OLDEST_SUPPORTED = 150_000
"""`server_version_num` of Postgres 15.0."""


class Database:
    """The pool and its transactions. Every statement of the service goes through one of these."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = url
        """As libpq takes it: `postgresql://…`."""
        self.engine: AsyncEngine = create_async_engine(
            sqlalchemy_url(url),
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_pre_ping=True,
            connect_args={"options": SESSION_OPTIONS, "application_name": "workbench"},
        )
        self._direct = AsyncConnectionPool(
            url,
            open=False,
            min_size=1,
            max_size=DIRECT_CONNECTIONS,
            timeout=POOL_TIMEOUT_S,
            reconnect_timeout=RECONNECT_S,
            reconnect_failed=AsyncConnectionPool.check,  # begins anew, for those who wait
            kwargs={
                "autocommit": True,
                "prepare_threshold": 0,
                "options": DIRECT_OPTIONS,
                "application_name": "workbench",
            },
        )
        self._places = asyncio.Semaphore(DIRECT_CONNECTIONS)
        self._autocommit = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session that commits at the end of the block and rolls back on any error."""
        begun = AsyncSession(self.engine, expire_on_commit=False)
        async with begun as session, session.begin() as transaction:
            yield session
            with failpoint("database.commit"):
                await transaction.commit()

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[AsyncConnection]:
        """A connection where each statement is its own transaction."""
        async with self._autocommit.connect() as connection:
            yield connection

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[psycopg.AsyncConnection]:
        """A psycopg connection where each statement is its own transaction.

        For the few statements that every phase makes: a fifth of the time that a session takes.
        Raises `psycopg.Error`, and `psycopg_pool.PoolTimeout` when the database does not answer.
        """
        if self._direct.closed:
            await self._direct.open()
        await self._find_place()
        try:
            async with self._direct.connection() as connection:
                yield connection
        except (psycopg.OperationalError, psycopg.InterfaceError):
            await self._direct.check()  # one that broke seldom broke alone
            raise
        finally:
            self._places.release()

    async def _find_place(self) -> None:
        """Wait here and not in the pool, whose waiting takes several times as much of the processor."""
        if not self._places.locked():
            await self._places.acquire()
            return
        try:
            async with asyncio.timeout(POOL_TIMEOUT_S):
                await self._places.acquire()
        except TimeoutError as error:
            raise PoolTimeout(f"no connection became free within {POOL_TIMEOUT_S:g} s") from error

    async def ping(self) -> None:
        """Raises `Unavailable` when the database does not answer or is too old."""
        try:
            async with self.statement() as connection:
                version = int((await connection.execute(text("SHOW server_version_num"))).scalar_one())
        except OperationalError as error:
            raise Unavailable(f"the database does not answer: {error.orig}") from error
        except ProgrammingError as error:  # what libpq says about the URL; it leaves the password out
            raise Unavailable(f"WORKBENCH_DATABASE_URL can not be used: {error.orig}") from error
        if version < OLDEST_SUPPORTED:
            raise Unavailable(f"Postgres 15 or newer is needed; this server is {version // 10_000}")

    async def migrate(self) -> None:
        """Bring the database to the newest migration. Safe to call from several processes at once."""
        await self.ping()
        await asyncio.to_thread(upgrade, self.url)

    async def at_head(self) -> bool:
        """Whether the newest migration has been applied."""
        head = ScriptDirectory.from_config(alembic_config(self.url)).get_current_head()
        async with self.engine.connect() as connection:
            current = await connection.run_sync(
                lambda sync: MigrationContext.configure(sync).get_current_revision()
            )
        return current == head

    async def close(self) -> None:
        await self._direct.close()
        await self.engine.dispose()


async def patiently(act: Callable[[], Awaitable[T]], patience_s: float, what: str) -> T:
    """Do it until the database lets it be done, for so long at most. It may be done twice: mind that.

    Raises what the last try raised.
    """
    deadline, level = time.monotonic() + patience_s, logging.WARNING
    while True:
        try:
            return await act()
        except LOST as error:
            if time.monotonic() > deadline or is_cancelled():
                raise
            log.log(level, "%s waits for the database: %s", what, first_line(error))
            level = logging.DEBUG  # an outage must not fill the log
            await asyncio.sleep(RETRY_S)


def is_cancelled() -> bool:
    """Whether this task was told to end: a connection that is lost just then raises `LOST` instead."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def sqlalchemy_url(url: str) -> str:
    """The same URL with the driver named."""
    for prefix in ("postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url


def upgrade(url: str, revision: str = "head") -> None:
    command.upgrade(alembic_config(url), revision)


def downgrade(url: str, revision: str = "base") -> None:
    command.downgrade(alembic_config(url), revision)


def alembic_config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations").replace("%", "%%"))
    config.attributes["engine"] = create_engine(
        sqlalchemy_url(url), connect_args={"options": "-c timezone=UTC"}, pool_size=1
    )
    return config
