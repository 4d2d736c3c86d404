"""What the service keeps: the state folder, the disk below it, the database and the seeds."""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path

from sqlalchemy import text

from app.cli.checks import pushes
from app.cli.checks.finding import Finding, fail, ok, warn
from app.cli.opening import opened_database
from app.db import Database
from app.errors import WorkbenchError
from app.seeding.files import load_seeds
from app.settings import Settings

NEEDED_BYTES = 200 * 1024**2
COMFORTABLE_BYTES = 1024**3


def folder(settings: Settings) -> Finding:
    path = settings.state_dir.expanduser()
    if not path.exists():
        above = _existing(path)
        if not os.access(above, os.W_OK | os.X_OK):
            return fail("state folder", f"{path} can not be made in {above}", "set WORKBENCH_STATE_DIR")
        return ok("state folder", f"{path} will be made at the first start")
    mode = path.stat().st_mode
    if not os.access(path, os.W_OK | os.X_OK):
        return fail(
            "state folder", f"{path} is not writable", "give it to this user, or set WORKBENCH_STATE_DIR"
        )
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        return warn("state folder", f"{path} is writable for others", f"chmod go-w {path}")
    return ok("state folder", f"{path} (mode {stat.S_IMODE(mode):o})")


def disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(_existing(settings.state_dir.expanduser())).free
    message = f"{free / 1024**3:.1f} GiB free"
    if free < NEEDED_BYTES:
        return fail(
            "disk", message, "free at least 200 MB, or set WORKBENCH_STATE_DIR to another disk", free=free
        )
    if free < COMFORTABLE_BYTES:
        return warn("disk", message, "free some space: workspaces and the database grow", free=free)
    return ok("disk", message, free=free)


def seeds() -> Finding:
    try:
        found = load_seeds()
    except WorkbenchError as error:
        return fail("seeds", error.message, "correct the file, or check the files in seeds/ out again")
    counts = (
        f"{len(found.prompts)} prompts, {len(found.definitions)} definitions, {len(found.profiles)} profiles"
    )
    return ok("seeds", counts)


async def database(settings: Settings) -> AsyncIterator[Finding]:
    where = "WORKBENCH_DATABASE_URL" if settings.database_url else "embedded"
    started = time.monotonic()
    try:
        async with opened_database(settings) as opened:
            await opened.ping()
            took = time.monotonic() - started
            yield ok("database", f"{where}, Postgres {await _version(opened)}, ready after {took:.1f} s")
            yield await _migrations(opened)
            yield await pushes.check(opened)
    except WorkbenchError as error:
        yield fail("database", error.message, _remedy(settings))


async def _migrations(database: Database) -> Finding:
    if await database.at_head():
        return ok("migrations", "at the newest")
    return warn("migrations", "not at the newest", "run `workbench seed`; every start does it too")


async def _version(database: Database) -> str:
    async with database.statement() as connection:
        found = (await connection.execute(text("SHOW server_version"))).scalar_one()
    return str(found).split()[0]


def _remedy(settings: Settings) -> str:
    if settings.database_url:
        return "start that server and check WORKBENCH_DATABASE_URL, or unset it to use the embedded one"
    return "read the message; WORKBENCH_STATE_DIR can point to another folder"


def _existing(path: Path) -> Path:
    """The folder itself, or the nearest one above it that exists."""
    return next(folder for folder in (path, *path.parents) if folder.exists())
