"""Is it alive, can it work, which version: for people, monitors and load balancers."""

from __future__ import annotations

import asyncio
import platform

from fastapi import APIRouter, Depends
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from app import __version__
from app.api.access import needs
from app.api.context import Context, ContextOf
from app.api.docs import bearer
from app.db import Database
from app.errors import WorkbenchError
from app.tables import TokenRole

router = APIRouter(tags=["health"])

PING_S = 1.0


class Alive(BaseModel):
    status: str


class Check(BaseModel):
    ok: bool | None
    """Null: not known yet; that is no reason to be unready."""
    message: str


class Readiness(BaseModel):
    status: str
    """`ready` or `not ready`."""
    checks: dict[str, Check]


class Version(BaseModel):
    version: str
    python: str


@router.get("/livez", summary="The process answers", response_model=Alive)
async def livez() -> Alive:
    return Alive(status="alive")


@router.get("/health", summary="The process and its database answer", response_model=Alive)
async def health(context: ContextOf) -> Response:
    check = await _database(context.opened().database)
    status, code = ("ok", 200) if check.ok else ("unavailable", 503)
    return JSONResponse({"status": status, "database": check.message}, code)


@router.get("/readyz", summary="Runs can be worked on; 503 says what is missing", response_model=Readiness)
async def readyz(context: ContextOf) -> Response:
    checks = await _checks(context)
    ready = all(check.ok is not False for check in checks.values())
    body = Readiness(status="ready" if ready else "not ready", checks=checks)
    return JSONResponse(body.model_dump(), 200 if ready else 503)


@router.get("/version", summary="Version of the service", dependencies=[Depends(bearer)])
@needs(TokenRole.VIEWER)
async def version() -> Version:
    return Version(version=__version__, python=platform.python_version())


async def _checks(context: Context) -> dict[str, Check]:
    services = context.opened()
    database = await _database(services.database)
    unknown = Check(ok=False, message="unknown without the database")
    return {
        "database": database,
        "migrations": await _migrations(services.database) if database.ok else unknown,
        "worker": await _worker(context) if database.ok else unknown,
        "sandbox": _sandbox(context),
        "stopping": Check(ok=not context.stopping.is_set(), message=_stopping(context)),
    }


async def _database(database: Database) -> Check:
    """Anybody may read this, so it names neither host nor user."""
    try:
        async with asyncio.timeout(PING_S):
            await database.ping()
    except TimeoutError:
        return Check(ok=False, message=f"it did not answer within {PING_S:.0f} s")
    except Exception as error:
        return Check(ok=False, message=f"it does not answer ({type(error).__name__})")
    return Check(ok=True, message="answers")


async def _migrations(database: Database) -> Check:
    at_head = await database.at_head()
    return Check(ok=at_head, message="at head" if at_head else "not at head: restart to migrate")


async def _worker(context: Context) -> Check:
    if context.working is not None and context.working.done() and not context.stopping.is_set():
        return Check(ok=False, message="the worker of this process has ended; its log says why")
    alive = await context.opened().pipelines.workers()
    return Check(ok=alive > 0, message=f"{alive} alive")


def _sandbox(context: Context) -> Check:
    probing = context.probing
    if probing is None or not probing.done():
        return Check(ok=None, message="being tested")
    error = probing.exception()
    if error is not None:
        return Check(ok=False, message=error.message if isinstance(error, WorkbenchError) else str(error))
    return Check(ok=probing.result().ok, message=probing.result().summary())


def _stopping(context: Context) -> str:
    return "the process drains" if context.stopping.is_set() else "no"
