"""One experiment: a worker process that a fault befalls, another one that goes on, and the look after."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from app import failpoints
from app.pipelines import invariants, pushing
from app.pipelines.orchestrator import LeaseTerms, PhaseExecutionOrchestrator
from app.pipelines.service import is_finished
from app.services import Services, open_services
from app.tables import Outcome, Pipeline, PushState
from app.worker import Worker
from tests.db.repositories import Person, tree_digest
from tests.e2e.faults.hook import keys
from tests.e2e.faults.laboratory import LEASE_S, Bench, Laboratory
from tests.e2e.faults.modes import Census, Fault, Mode, Trap
from tests.remotes.http import refs

LIMIT_S = 120.0


@dataclass(frozen=True)
class Finding:
    """How an experiment ended."""

    fault: Fault
    state: str
    code: str | None
    """Of the error that failed the run."""
    abandoned: int
    """Phase runs whose worker was lost."""
    sent: int
    """How often the receiver was sent to."""
    faults: tuple[str, ...]
    """What must not be. Empty: the promise held."""


def census(laboratory: Laboratory) -> Counter[str]:
    """How often a run that nothing happens to reaches each effect."""
    bench = laboratory.bench("census")
    reading, writing = os.pipe()

    def count() -> None:
        counting = Census()
        asyncio.run(work(bench, counting))
        os.write(writing, json.dumps(counting.counts).encode())

    os.waitpid(_fork(count), 0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        counts = Counter(json.loads(answer.read()))
    laboratory.drop(bench)
    return counts


def conduct(laboratory: Laboratory, fault: Fault, name: str, received: Path) -> Finding:
    """The promise: the run ends once, with one commit or none, and nothing else was touched.

    What it sends arrives once, as the receiver tells by the key; `received` is where that is written down.
    """
    bench = laboratory.bench(name)
    before = Person(bench.repository).digest(), tree_digest(bench.canary)
    reached, fell_asleep = os.pipe()
    trap = Trap(fault, fell_asleep)
    victim = _fork(lambda: asyncio.run(work(bench, trap)))
    os.close(fell_asleep)
    if fault.mode is Mode.ZOMBIE and os.read(reached, 1):
        _wait(_fork(lambda: asyncio.run(work(bench, None))))
        os.kill(victim, signal.SIGCONT)
    os.waitpid(victim, 0)
    _wait(_fork(lambda: asyncio.run(work(bench, None))))
    os.close(reached)
    finding = asyncio.run(_look(bench, fault, keys(received, name)))
    if (Person(bench.repository).digest(), tree_digest(bench.canary)) != before:
        finding = replace(finding, faults=(*finding.faults, "something of the person's was changed"))
    laboratory.drop(bench)
    return finding


async def work(bench: Bench, hit: failpoints.Hit | None) -> None:
    """A worker, until the run has ended."""
    async with open_services(bench.settings) as services:
        orchestrator = PhaseExecutionOrchestrator(
            services.database,
            bench.kinds(services),
            f"w{os.getpid()}",
            LeaseTerms(LEASE_S),
            services.listener,
        )
        worker = Worker(services.database, services.listener, orchestrator, f"w{os.getpid()}", 2)
        stop = asyncio.Event()
        failpoints.install(hit)
        working = asyncio.create_task(worker.work(stop))
        async with asyncio.timeout(LIMIT_S):
            await services.pipelines.wait_until_still(bench.run)
        stop.set()
        await working
        failpoints.install(None)


async def _look(bench: Bench, fault: Fault, sent: list[str]) -> Finding:
    async with open_services(bench.settings) as services:
        run = await services.pipelines.get(bench.run)
        found = [
            f"{one.invariant}: {one.subject} {one.what}" for one in await invariants.check(services.database)
        ]
        async with services.database.connection() as connection:
            query = "SELECT count(*) FROM phase_runs WHERE outcome = %s"
            row = await (await connection.execute(query, (Outcome.ABANDONED,))).fetchone()
            intended = await (await connection.execute("SELECT idempotency_key FROM deliveries")).fetchall()
        if not is_finished(run):
            found.append(f"the run is {run.state}")
        if fault.mode is not Mode.RAISE and run.state != "succeeded":
            found.append(f"the run has {run.state}: {run.error}")
        if not set(sent) <= {key for (key,) in intended} or (
            run.state == "succeeded" and len(set(sent)) != 1
        ):
            found.append(f"the receiver saw the keys {sent}, and {len(intended)} were intended")
        found += await _pushed(services, bench, fault, run)
        code = run.error["code"] if run.error else None
        return Finding(fault, run.state, code, row[0] if row else 0, len(sent), tuple(found))


async def _pushed(services: Services, bench: Bench, fault: Fault, run: Pipeline) -> list[str]:
    """The remote has the run's commit and its own branch; only an effect that raised may leave it out."""
    async with services.database.transaction() as session:
        row = (await pushing.of_runs(session, [run.id])).get(run.id)
    there = {name: commit for name, commit in refs(bench.remote).items() if name != "main"}
    expected = {row.branch: row.commit} if row is not None and row.state == PushState.PUSHED else {}
    if run.state != "succeeded" or (fault.mode is Mode.RAISE and there in ({}, expected)):
        return []
    return [] if there == expected != {} else [f"the remote has {there}, and {expected} was pushed"]


def _fork(act: Callable[[], None]) -> int:
    """A process that does this and ends; its pid. No event loop runs here, so a copy is whole."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        logging.disable(logging.CRITICAL)
        act()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def _wait(pid: int) -> None:
    _, status = os.waitpid(pid, 0)
    if status:
        raise RuntimeError(
            f"a worker that nothing happened to ended with {os.waitstatus_to_exitcode(status)}"
        )
