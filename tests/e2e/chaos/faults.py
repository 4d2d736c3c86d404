"""What happens to the workers and to Postgres: a schedule that a seed decides."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Coroutine
from contextlib import suppress

import psycopg

from tests.e2e.chaos.fleet import Fleet
from tests.e2e.chaos.options import Figures, Options
from tests.e2e.postgres import Server

KINDS = (
    "kill", "kill", "kill tree", "freeze", "freeze at checkpoint", "freeze at checkpoint",
    "freeze at checkpoint", "sessions", "wake-ups",
)  # fmt: skip
"""One of these at a time; Postgres is stopped by a clock of its own."""
BUSY = """
    SELECT split_part(worker, ':', 2)::int AS pid FROM pipelines
    JOIN phase_runs ON pipeline_id = pipelines.id AND phase_runs.fence = pipelines.fence
    WHERE worker IS NOT NULL AND outcome = 'running' AND lease_expires_at > clock_timestamp() ORDER BY pid
"""
HELD = "SELECT id, fence FROM pipelines WHERE split_part(worker, ':', 2) = %s"
TAKEN = """
    SELECT count(*) FROM pipelines
    WHERE id = ANY(%s::uuid[]) AND (state <> 'running' OR NOT fence::text = ANY(%s))
"""


class Faults:
    """Hurts until it is cancelled; then all workers are awake and Postgres runs."""

    def __init__(self, options: Options, fleet: Fleet, server: Server, figures: Figures) -> None:
        self._options = options
        self._fleet = fleet
        self._server = server
        self._figures = figures
        self._random = random.Random(options.seed)  # noqa: S311 - a schedule, not a secret
        self._tasks: set[asyncio.Task[None]] = set()
        self.recoveries: list[float] = []
        """Seconds from a kill until the last run of the dead worker was taken by another."""

    async def go(self) -> None:
        self._later(self._watch())
        crash_at = time.monotonic() + self._pause(self._options.restart_s)
        while True:
            await asyncio.sleep(self._pause(self._options.pause_s))
            await self._replace()
            if time.monotonic() > crash_at:
                await self._server.crash()
                self._figures.postgres_stops += 1
                crash_at = time.monotonic() + self._pause(self._options.restart_s)
            with suppress(psycopg.Error, OSError):
                await self._hurt(self._random.choice(KINDS))

    async def calm(self) -> None:
        """Let what is frozen go on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for pid in self._fleet.pids:
            self._fleet.thaw(pid)

    async def _hurt(self, kind: str) -> None:
        figures = self._figures
        match kind:
            case "kill" | "kill tree":
                if (pid := await self._victim()) is not None:
                    await self._kill(pid, tree=kind == "kill tree")
            case "freeze":
                if (pid := await self._victim()) is not None:
                    self._fleet.freeze(pid)
                    figures.freezes += 1
                    self._later(self._thaw(pid))
            case "freeze at checkpoint":
                if (pid := await self._victim()) is not None:
                    self._fleet.freeze_at_checkpoint(pid)
            case "sessions":
                figures.sessions_terminated += await self._server.terminate(self._random.randint(1, 3))
            case "wake-ups":  # a job is only a wake-up, so all of them may be lost
                await self._server.rows("DELETE FROM pgqueuer")
                figures.wake_ups_deleted += 1

    async def _victim(self) -> int | None:
        """A worker that is inside a phase and awake; the last such worker is spared."""
        found = {int(str(row["pid"])) for row in await self._server.rows(BUSY)}
        awake = sorted(found & set(self._fleet.pids) - self._fleet.frozen)
        return self._random.choice(awake) if len(awake) > 1 else None

    def _pause(self, between: tuple[float, float]) -> float:
        return self._random.uniform(*between) * self._options.pace

    async def _kill(self, pid: int, *, tree: bool) -> None:
        held = await self._server.rows(HELD, str(pid))
        self._fleet.kill(pid, tree=tree)
        self._figures.kills += 1
        self._figures.kills_of_trees += tree
        self._later(self._recovery(time.monotonic(), held))
        await self._fleet.start()

    async def _recovery(self, since: float, held: list[dict[str, object]]) -> None:
        ids, fences = [str(row["id"]) for row in held], [str(row["fence"]) for row in held]
        while held:
            await asyncio.sleep(0.2)
            with suppress(psycopg.Error, OSError):
                if await self._server.one(TAKEN, ids, fences) == len(held):
                    self.recoveries.append(time.monotonic() - since)
                    return

    async def _watch(self) -> None:
        """Thaw, later, who stopped in a checkpoint."""
        while True:
            await asyncio.sleep(0.1)
            for pid in self._fleet.stopped():
                self._fleet.frozen.add(pid)
                self._figures.freezes_at_checkpoints += 1
                self._later(self._thaw(pid))

    async def _replace(self) -> None:
        """Start a worker for each that ended by itself."""
        for pid in self._fleet.dead():
            self._fleet.bury(pid)
            await self._fleet.start()

    async def _thaw(self, pid: int) -> None:
        await asyncio.sleep(1.5 * self._options.lease_s)
        self._fleet.thaw(pid)

    def _later(self, what: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(what)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
