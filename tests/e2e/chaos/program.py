"""One experiment from an empty folder to its figures."""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from pathlib import Path

import psycopg

from app.db import Database
from app.pipelines import invariants
from app.services import open_services
from app.settings import Settings
from tests.db.repositories import Person
from tests.e2e.chaos.faults import Faults
from tests.e2e.chaos.fleet import Fleet
from tests.e2e.chaos.model import Model
from tests.e2e.chaos.mutations import GUARDS
from tests.e2e.chaos.nursery import REJECTED
from tests.e2e.chaos.options import Figures, Options
from tests.e2e.postgres import Server
from tests.e2e.target import Belongings, environment, furnish, queue, settings_of

MODELS_FAULTS = frozenset(
    {"backend_down", "overloaded", "rate_limited", "reply_lost", "deadline_exceeded", "invalid_answer",
     "truncated", "refused", "rejected", "empty_answer"}
)  # fmt: skip
"""Errors that a run may fail with: the model was faulty once too often. Any other is a fault of ours."""
DRAIN_S = 40.0


async def experiment(options: Options) -> Figures:
    """Raises nothing that the service does; what broke is in the figures."""
    root = await asyncio.to_thread(_folder, options.root)
    try:
        return await _in_folder(options, root)
    finally:
        if "CHAOS_KEEP" in os.environ:
            shutil.copytree(root / "logs", os.environ["CHAOS_KEEP"], dirs_exist_ok=True)
        shutil.rmtree(root, ignore_errors=True)


def _folder(above: Path) -> Path:
    """One that the database's and the sandbox's own users can reach."""
    root = Path(tempfile.mkdtemp(prefix="workbench-chaos-", dir=above))
    root.chmod(0o711)
    return root


async def _in_folder(options: Options, root: Path) -> Figures:
    figures = Figures({**asdict(options), "root": str(options.root)})
    belongings = Belongings(root)
    server = Server(root / "database")
    await asyncio.to_thread(server.start)
    try:
        async with Model(options.seed, options.fault_share) as model:
            settings = settings_of(
                root, server.url, model.url, lease_s=options.lease_s,
                worker_concurrency=options.concurrency, max_attempts=1000,
            )  # fmt: skip
            await _prepare(options, settings, belongings.person)
            async with _fleet(options, settings, root, figures) as fleet:
                await _suffer(options, fleet, server, figures)
            figures.model_requests, figures.model_faults = model.asked, model.faults
        await _count(server, belongings.person, root, figures)
        await _judge(options, server, figures)
        figures.violations += belongings.changes()
    finally:
        await asyncio.to_thread(server.release)
    return figures


async def _prepare(options: Options, settings: Settings, person: Person) -> None:
    """The project, the profile of the model, and all runs, queued."""
    async with open_services(settings) as services:
        pinned = await furnish(services, person, timeout_s=2)
        await queue(services.database, pinned, options.runs)
        if options.without is not None:
            async with services.database.connection() as connection:
                for statement in GUARDS[options.without].statements:
                    await connection.execute(statement.encode())


@asynccontextmanager
async def _fleet(options: Options, settings: Settings, root: Path, figures: Figures) -> AsyncIterator[Fleet]:
    (root / "logs").mkdir()
    fleet = Fleet(root / "logs", environment(settings), options.without)
    await fleet.open()
    started = time.monotonic()
    try:
        for _ in range(options.workers):
            await fleet.start()
        yield fleet
        figures.duration_s = round(time.monotonic() - started, 1)
        hung = await fleet.drain(DRAIN_S)
        figures.violations += [f"worker {pid} did not end within {DRAIN_S:.0f} s" for pid in hung]
        await asyncio.sleep(1)
        figures.stray_processes = fleet.strays()
        figures.violations += [f"stray process: {stray}" for stray in figures.stray_processes]
    finally:
        figures.workers_started = fleet.started
        await fleet.close()


async def _suffer(options: Options, fleet: Fleet, server: Server, figures: Figures) -> None:
    """Until all runs have ended, or nothing moves any more."""
    faults = Faults(options, fleet, server, figures)
    hurting = asyncio.create_task(faults.go())
    try:
        await _until_ended(options, server, hurting)
    finally:
        hurting.cancel()
        await asyncio.gather(hurting, return_exceptions=True)
        await faults.calm()
        if faults.recoveries:
            ordered = sorted(faults.recoveries)
            figures.recovery_p50_s = round(statistics.median(ordered), 1)
            figures.recovery_p95_s = round(ordered[int(len(ordered) * 0.95)], 1)


async def _until_ended(options: Options, server: Server, hurting: asyncio.Task[None]) -> None:
    moved, before = time.monotonic(), ""
    while time.monotonic() < moved + options.stall_s:
        if hurting.done():
            hurting.result()
        await asyncio.sleep(0.5)
        with suppress(psycopg.Error, OSError):
            [row] = await server.rows(PROGRESS)
            if row["left"] == 0:
                return
            if (now := f"{row['left']} {row['closed']}") != before:
                moved, before = time.monotonic(), now


async def _count(server: Server, person: Person, root: Path, figures: Figures) -> None:
    figures.states = await _groups(
        server, "SELECT state AS name, count(*) AS times FROM pipelines GROUP BY 1"
    )
    figures.failures = await _groups(server, FAILURES)
    figures.phase_runs = await _groups(
        server, "SELECT outcome AS name, count(*) AS times FROM phase_runs GROUP BY 1"
    )
    figures.lost = int(str(await server.one("SELECT count(*) FROM pipelines WHERE finished_at IS NULL")))
    figures.duplicated_artifacts = int(str(await server.one(DOUBLED)))
    figures.ledger_rows = int(str(await server.one("SELECT count(*) FROM pipeline_prompt_usage")))
    figures.ledger_open = int(
        str(await server.one("SELECT count(*) FROM pipeline_prompt_usage WHERE outcome = 'open'"))
    )
    figures.repeated_calls = round(float(str(await server.one(REPEATED))), 4)
    figures.duplicated_commits = await asyncio.to_thread(_doubled_commits, person)
    logs = [path.read_text(errors="replace") for path in sorted((root / "logs").glob("worker-*.log"))]
    figures.stale_writes_rejected = sum(log.count(REJECTED) for log in logs)
    figures.leases_found_lost = sum(log.count("has been taken over") for log in logs)
    figures.left_temporary = sum(1 for _ in (root / "tmp").iterdir())


def _doubled_commits(person: Person) -> int:
    """Commits with a Run-Id that another commit has, too."""
    trailer = "--format=%(trailers:key=Run-Id,valueonly,separator=%x20)"
    found = person.git("log", "--branches=workbench/*", trailer)
    ids = [line for line in found.splitlines() if line]
    return len(ids) - len(set(ids))


async def _judge(options: Options, server: Server, figures: Figures) -> None:
    """What must hold whatever happened."""
    database = Database(server.url)
    try:
        async for one in invariants.examine(database):
            if one.count:
                first = one.violations[0]
                figures.violations.append(f"{one.invariant}: {one.count} times; {first.subject} {first.what}")
    finally:
        await database.close()
    wrong = {code: times for code, times in figures.failures.items() if code not in MODELS_FAULTS}
    checks = {
        f"{figures.lost} runs are lost": figures.lost,
        f"{figures.duplicated_artifacts} duplicated artifacts": figures.duplicated_artifacts,
        f"{figures.duplicated_commits} duplicated commits": figures.duplicated_commits,
        f"runs failed of what no model did: {wrong}": wrong,
        f"{figures.model_requests} requests and only {figures.ledger_rows} rows in the ledger": max(
            0, figures.model_requests - figures.ledger_rows
        ),
        f"{sum(figures.states.values())} runs of {options.runs}": sum(figures.states.values()) - options.runs,
    }
    figures.violations += [what for what, broken in checks.items() if broken]


async def _groups(server: Server, query: str) -> dict[str, int]:
    return {str(row["name"]): int(str(row["times"])) for row in await server.rows(f"{query} ORDER BY 1")}


PROGRESS = """
    SELECT (SELECT count(*) FROM pipelines WHERE finished_at IS NULL) AS left,
           (SELECT count(*) FROM phase_runs WHERE outcome IN ('passed', 'rejected', 'failed')) AS closed
"""
FAILURES = """
    SELECT coalesce(error->>'code', 'none') AS name, count(*) AS times FROM pipelines
    WHERE state = 'failed' GROUP BY 1
"""
DOUBLED = """
    SELECT count(*) FROM (
        SELECT FROM phase_runs JOIN artifacts ON phase_run_id = phase_runs.id
        WHERE outcome IN ('passed', 'rejected', 'suspect')
        GROUP BY phase_runs.pipeline_id, phase, round HAVING count(*) > 1
    ) AS doubled
"""
"""A phase that ended well twice in one round."""
REPEATED = """
    SELECT coalesce(sum(times - 1)::float / nullif(sum(times), 0), 0) FROM (
        SELECT count(*) AS times FROM pipeline_prompt_usage
        WHERE outcome IN ('open', 'ok', 'invalid_answer', 'not_accepted')
        GROUP BY pipeline_id, phase, round, step, request_digest
    ) AS asked
"""
"""Requests beyond the first that may have been billed: a reply was lost, or the worker that waited for it."""
