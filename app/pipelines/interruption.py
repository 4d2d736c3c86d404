"""What can cut a phase short: a person cancels, the lease is lost, or the worker's drain is over."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Self

from app.pipelines.keeper import Kept
from app.pipelines.leases import stale
from app.pipelines.performing import failure
from app.pipelines.phases.kind import PhaseResult
from app.tables import Outcome

DRAINED = "drained"


class Interruption:
    """Watches for all of them while the block lasts."""

    def __init__(self, kept: Kept, draining: asyncio.Event, drain_s: float) -> None:
        self._kept = kept
        self._draining = draining
        self._drain_s = drain_s
        self._performing: asyncio.Task[Any] | None = None
        self._is_cut = False
        """The phase under way was told to stop."""

    async def __aenter__(self) -> Self:
        self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._watching.cancel()
        await asyncio.gather(self._watching, return_exceptions=True)

    async def perform(self, phase: Coroutine[Any, Any, PhaseResult]) -> PhaseResult:
        """The phase's result, or what cut it short. Raises `StaleFence` when the lease is lost."""
        if self._watching.done():
            phase.close()
            return self._result()
        self._performing = asyncio.current_task()
        try:
            return await phase
        except asyncio.CancelledError:
            if self._performing is not None and self._performing.cancelling() > self._is_cut:
                raise  # somebody wants more than this phase to end
            return self._result()
        finally:
            if self._is_cut and self._performing is not None:
                self._performing.uncancel()
            self._performing = None

    def _result(self) -> PhaseResult:
        if self._kept.lost:
            raise stale(self._kept.held.lease)
        if self._kept.stop.is_set():
            return PhaseResult(Outcome.CANCELLED)
        if not self._watching.done():
            return failure("internal", "the phase cancelled itself", {})
        return PhaseResult(Outcome.ABANDONED, detail={"code": DRAINED})

    async def _watch(self) -> None:
        """Until a phase has to stop, whatever it does."""
        reasons = [asyncio.create_task(self._kept.stop.wait()), asyncio.create_task(self._drained())]
        try:
            await asyncio.wait(reasons, return_when=asyncio.FIRST_COMPLETED)
            if self._performing is not None:
                self._is_cut = self._performing.cancel()
        finally:
            for reason in reasons:
                reason.cancel()

    async def _drained(self) -> None:
        await self._draining.wait()
        await asyncio.sleep(self._drain_s)
