"""Settings, log and services for one command."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from typing import Any, TypeVar

from pydantic import ValidationError

from app import logs
from app.cli.output import line, say, stderr
from app.db import Database
from app.embedded import EmbeddedPostgres
from app.errors import Invalid
from app.services import Services, open_services
from app.settings import PREFIX, Settings, unknown_names

T = TypeVar("T")


def read_settings(*, log_level: str = "warning", warn: bool = True, **given: Any) -> Settings:
    """The settings with `given` over them; unknown names are warned about, the log is set up.

    `log_level` counts unless a person has set one: the display of a command stays clean.
    """
    try:
        settings = Settings(**given)
    except ValidationError as error:
        raise Invalid(_faults(error), hint="docs/reference/settings.md lists every setting") from None
    for warning in unknown_names() if warn else ():
        say(stderr(), ("warning: ", "yellow"), warning)
    logs.configure(settings.log_level if "log_level" in settings.model_fields_set else log_level)
    return settings


def with_services(settings: Settings, use: Callable[[Services], Awaitable[T]]) -> T:
    """Open everything, call `use`, close everything."""

    async def run() -> T:
        async with opened(settings) as services:
            return await use(services)

    return asyncio.run(run())


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Services]:
    """The services; on a terminal a line says that they start."""
    console = stderr()
    starting = console.status(line("Starting the database")) if console.is_terminal else nullcontext()
    async with AsyncExitStack() as stack:
        with starting:
            services = await stack.enter_async_context(open_services(settings))
        yield services


@asynccontextmanager
async def opened_database(settings: Settings) -> AsyncIterator[Database]:
    """Only the database, not migrated and not seeded."""
    async with AsyncExitStack() as stack:
        if settings.database_url is not None:
            url = settings.database_url.get_secret_value()
        else:
            embedded = EmbeddedPostgres(settings.state_dir)
            url = await asyncio.to_thread(embedded.start)
            stack.push_async_callback(asyncio.to_thread, embedded.release)
        database = Database(url)
        stack.push_async_callback(database.close)
        yield database


def _faults(error: ValidationError) -> str:
    """One line per setting that can not be used; the values stay out, they may be secrets."""
    found = [f"{_name(item['loc'])}: {item['msg']}" for item in error.errors(include_url=False)]
    return "; ".join(found)


def _name(place: tuple[int | str, ...]) -> str:
    name = ".".join(str(part) for part in place).upper()
    return name if name.startswith(PREFIX) else f"{PREFIX}{name}"
