"""One outage under runs that are under way, and the look after: nothing is lost, failed or paid in vain."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import psycopg

from app.db import Database
from app.pipelines import invariants
from tests.e2e.outages.kinds import KINDS
from tests.e2e.outages.workshop import Workshop
from tests.e2e.postgres import Server
from tests.e2e.target import queue

BUSY = 3
"""So many runs are inside a phase when the outage begins."""
STALL_S = 60.0
"""Without any progress for so long, what is left is lost."""


@dataclass(frozen=True)
class Finding:
    """How an outage ended."""

    outage: str
    skipped: str | None = None
    """Why it could not be tried."""
    seconds: float = 0.0
    """How long it lasted, with the start of the database."""
    recovery_s: float = 0.0
    """From its end until the last run had ended."""
    runs: int = 0
    succeeded: int = 0
    abandoned: int = 0
    """Phase runs that were lost, and began anew."""
    pick_ups: int = 0
    """How often the unluckiest run was taken."""
    asked: int = 0
    """Questions that reached the model; `again`: of those, not the first of their phase and round."""
    again: int = 0
    cpu: float = 0.0
    """Share of a core that the worker took while the database was away."""
    errors: int = 0
    """Lines of the worker's log that tell of a fault of ours."""
    breaches: tuple[str, ...] = ()
    """What must not be. Empty: the promise held."""


@dataclass(frozen=True)
class Course:
    """What was measured while it went on."""

    seconds: float
    recovery_s: float
    asked: int
    cpu: float


async def warm_up(workshop: Workshop) -> None:
    """One run in peace: the first question to a model costs the worker seconds of imports."""
    await _start(workshop, 1)
    await _until_ended(workshop)
    await workshop.site.server.rows(CLEAR)


async def conduct(workshop: Workshop, name: str, runs: int, down_s: float) -> Finding:
    """The runs of this outage are the only ones that are under way."""
    if name == "disk full" and workshop.site.disk is None:
        return Finding(name, skipped=workshop.why_no_disk)
    await _start(workshop, runs)
    said = workshop.worker.log_size()
    course = await _suffer(workshop, name, down_s)
    return await _judge(workshop, name, course, said)


async def _start(workshop: Workshop, runs: int) -> None:
    async with _database(workshop) as database:
        await queue(database, workshop.pinned, runs)


@asynccontextmanager
async def _database(workshop: Workshop) -> AsyncIterator[Database]:
    database = Database(workshop.site.server.url)
    try:
        yield database
    finally:
        await database.close()


async def _suffer(workshop: Workshop, name: str, down_s: float) -> Course:
    server, model = workshop.site.server, workshop.model
    asked = model.asked
    await _until_busy(server)
    began, computed = time.monotonic(), workshop.worker.cpu_s()
    await KINDS[name](workshop.site, down_s)
    ended = time.monotonic()
    cpu = (workshop.worker.cpu_s() - computed) / (ended - began)
    await _until_ended(workshop)
    return Course(
        round(ended - began, 1), round(time.monotonic() - ended, 1), model.asked - asked, round(cpu, 2)
    )


async def _until_busy(server: Server) -> None:
    async with asyncio.timeout(STALL_S):
        while int(str(await server.one(PHASES_UNDER_WAY))) < BUSY:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def _until_ended(workshop: Workshop) -> None:
    """Or until nothing moves any more."""
    moved, before = time.monotonic(), ""
    while time.monotonic() < moved + STALL_S and workshop.worker.is_alive:
        with suppress(psycopg.Error):
            [row] = await workshop.site.server.rows(PROGRESS)
            if row["left"] == 0:
                return
            if (now := f"{row['left']} {row['closed']}") != before:
                moved, before = time.monotonic(), now
        await asyncio.sleep(0.1)


async def _judge(workshop: Workshop, name: str, course: Course, said: int) -> Finding:
    [seen] = await workshop.site.server.rows(FIGURES)
    figures = {key: int(str(value)) for key, value in seen.items() if key != "failures"}
    again = course.asked - figures["questions"]
    broken = {
        f"{figures['left']} runs are lost": figures["left"],
        f"runs failed: {seen['failures']}": seen["failures"] != {},
        "the worker has ended": not workshop.worker.is_alive,
        f"{again} questions were paid again, and {figures['lost_questions']} phases with one were lost": (
            again > figures["lost_questions"]
        ),
    }
    breaches = [what for what, is_broken in broken.items() if is_broken]
    async with _database(workshop) as database:
        breaches += [f"{one.invariant}: {one.subject} {one.what}" for one in await invariants.check(database)]
    breaches += workshop.belongings.changes()
    await workshop.site.server.rows(CLEAR)
    return Finding(
        name,
        seconds=course.seconds,
        recovery_s=course.recovery_s,
        runs=figures["runs"],
        succeeded=figures["succeeded"],
        abandoned=figures["abandoned"],
        pick_ups=figures["pick_ups"],
        asked=course.asked,
        again=again,
        cpu=course.cpu,
        errors=workshop.worker.errors(said),
        breaches=tuple(breaches),
    )


CLEAR = "TRUNCATE pipelines, pgqueuer CASCADE"
"""Each outage has runs of its own."""
PHASES_UNDER_WAY = "SELECT count(*) FROM phase_runs WHERE outcome = 'running'"
PROGRESS = """
    SELECT (SELECT count(*) FROM pipelines WHERE finished_at IS NULL) AS left,
           (SELECT count(*) FROM phase_runs WHERE outcome <> 'running') AS closed
"""
FIGURES = """
    SELECT count(*) AS runs, count(*) FILTER (WHERE state = 'succeeded') AS succeeded,
           count(*) FILTER (WHERE finished_at IS NULL) AS left, coalesce(max(fence), 0) AS pick_ups,
           (SELECT count(*) FROM phase_runs WHERE outcome = 'abandoned') AS abandoned,
           (SELECT count(*) FROM phase_runs WHERE outcome = 'abandoned' AND kind = 'llm') AS lost_questions,
           (SELECT count(DISTINCT (pipeline_id, phase, round)) FROM phase_runs
            WHERE kind = 'llm') AS questions,
           (SELECT coalesce(jsonb_object_agg(code, times), '{}') FROM (
               SELECT coalesce(error->>'code', state) AS code, count(*) AS times FROM pipelines
               WHERE state IN ('failed', 'cancelled') GROUP BY 1) AS failed) AS failures
    FROM pipelines
"""
