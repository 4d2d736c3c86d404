"""Prunes finished runs by the policy, once an hour: rows by one worker for all, folders on each machine."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Database
from app.pipelines.retention import cached, expired, history, items
from app.pipelines.retention.policy import Policy, Pruned
from app.pipelines.turns import is_ours
from app.tables import Pipeline
from app.workspace.leftovers import Leftover, RunFolder, remove, run_folders, size, temporary_folders

log = logging.getLogger(__name__)

EVERY_S = 3600.0
CHORE = "prune"
ABANDONED = timedelta(days=1)
"""A folder that nobody knows, untouched for this long, is nobody's; no phase and no test takes that long."""
AT_ONCE = 1_000
"""Folders that one query asks the database about."""


class Pruner:
    """`prune` does it now, `tick` when it is time; several at once do no harm.

    What the database raises is raised; the next call goes on where this one was cut off.
    """

    def __init__(
        self, database: Database, state_dir: Path, policy: Policy, *, temporary: Path | None = None
    ) -> None:
        """`temporary`: where killed processes left folders; None: the temp folder of this process."""
        self._database = database
        self._state_dir = state_dir
        self._policy = policy
        self._temporary = temporary
        self._next = 0.0

    async def tick(self) -> Pruned | None:
        """What was pruned, which may take minutes; None: it is not time, which costs nothing."""
        if time.monotonic() < self._next:
            return None
        done = await self._folders(act=True)
        if await is_ours(self._database, CHORE, EVERY_S):
            done += await self._rows()
        self._next = time.monotonic() + EVERY_S
        if done != Pruned():
            log.info("pruned: %s", done)
        return done

    async def prune(self) -> Pruned:
        """Remove what is due, here and now."""
        return await self._rows() + await self._folders(act=True)

    async def preview(self) -> Pruned:
        """What `prune` would remove. Changes nothing."""
        policy = self._policy
        async with self._database.transaction() as session:
            found = await expired.preview(session)
            if policy.history is not None:
                found += await history.preview(session, policy.history)
            if policy.results is not None:
                found += await items.preview(session, policy.results)
            found += await cached.preview(session)
        return found + await self._folders(act=False)

    async def _rows(self) -> Pruned:
        policy = self._policy
        done = await self._until_none(expired.prune_some)
        if policy.history is not None:
            done += await self._until_none(partial(history.prune_some, age=policy.history))
        if policy.results is not None:
            done += await self._until_none(partial(items.prune_some, age=policy.results))
        if policy.cache_bytes is not None:
            done += await self._until_none(partial(cached.prune_some, max_bytes=policy.cache_bytes))
        return done

    async def _until_none(self, prune_some: Callable[[AsyncSession], Awaitable[Pruned | None]]) -> Pruned:
        """Each portion in a transaction of its own."""
        done = Pruned()
        while True:
            async with self._database.transaction() as session:
                some = await prune_some(session)
            if some is None:
                return done
            done += some

    async def _folders(self, *, act: bool) -> Pruned:
        done = Pruned()
        for folder in await self._old_workspaces():
            if (freed := await _take(folder, act=act)) is not None:
                done += Pruned(workspaces=1, bytes=freed)
        idle_s = ABANDONED.total_seconds()
        for left in await asyncio.to_thread(temporary_folders, idle_s=idle_s, folder=self._temporary):
            if (freed := await _take(left, act=act)) is not None:
                done += Pruned(temporary=1, bytes=freed)
        return done

    async def _old_workspaces(self) -> list[RunFolder]:
        age = self._policy.workspaces
        if age is None:
            return []
        folders = await asyncio.to_thread(run_folders, self._state_dir)
        found = []
        for start in range(0, len(folders), AT_ONCE):
            some = folders[start : start + AT_ONCE]
            finished = await self._finished([folder.run for folder in some], age)
            unknown_s = max(age, ABANDONED).total_seconds()
            found += [f for f in some if finished.get(f.run, f.idle_s >= unknown_s)]
        return found

    async def _finished(self, runs: list[UUID], age: timedelta) -> dict[UUID, bool]:
        """Of the runs that the database knows: whether they were finished this long ago."""
        long_ago = func.coalesce(Pipeline.finished_at <= func.now() - age, False)
        async with self._database.transaction() as session:
            rows = await session.execute(select(Pipeline.id, long_ago).where(Pipeline.id.in_(runs)))
            return {run: is_old for run, is_old in rows}


async def _take(folder: Leftover, *, act: bool) -> int | None:
    """Bytes of the folder, which is removed when `act` says so; None: it is still there, or gone already."""
    return await asyncio.to_thread(remove if act else size, folder.path)
