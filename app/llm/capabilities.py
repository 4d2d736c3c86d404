"""Which modes hold for a model, as it was last probed: what routes and callers go by."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import get_args

from app.db import LOST, Database, first_line
from app.llm.probing import store
from app.llm.probing.figures import Capability
from app.llm.types import BackendName, Mode, Think

log = logging.getLogger(__name__)

MODES: tuple[Mode, ...] = get_args(Mode)
"""Best first, where nothing else is known."""
HOLDS_FROM = 0.8
"""A mode holds when so many of its answers kept to the schema."""
FRESH_S = 300.0
"""A probe by another process is seen after this time at the latest."""


class Capabilities:
    """Reads the probes of all models, and keeps them for a while."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._lock = asyncio.Lock()
        self._read_at: float | None = None
        self._found: dict[tuple[BackendName, str], list[Capability]] = {}

    async def modes(self, backend: BackendName, model: str, think: Think) -> tuple[Mode, ...]:
        """The modes to ask in, best first; never empty. A model that was not probed has the usual ones."""
        return order([found for found in await self._of(backend, model) if found.thinks == (think != "off")])

    async def thinks_with_grammar(self, backend: BackendName, model: str) -> bool | None:
        """Whether it still thinks, and keeps to the schema, under a grammar. None: nobody knows."""
        return thinks_with_grammar(await self._of(backend, model))

    def forget(self) -> None:
        """Read anew at the next question: there was a probe."""
        self._read_at = None

    async def _of(self, backend: BackendName, model: str) -> list[Capability]:
        async with self._lock:
            if self._read_at is None or self._clock() >= self._read_at + FRESH_S:
                await self._read()
        return self._found.get((backend, model), [])

    async def _read(self) -> None:
        """What is known already will do while the database is away."""
        self._read_at = self._clock()
        try:
            async with self._database.transaction() as session:
                self._found = newest(await store.every(session))
        except LOST as error:
            log.warning("the capabilities of models can not be read now: %s", first_line(error))


def newest(found: Sequence[Capability]) -> dict[tuple[BackendName, str], list[Capability]]:
    """Of each model the rows of its last probe, whichever version of the server that was."""
    kept: dict[tuple[BackendName, str], list[Capability]] = {}
    for one in sorted(found, key=lambda capability: capability.probed_at, reverse=True):
        rows = kept.setdefault((one.backend, one.model), [])
        if not rows or rows[0].server_version == one.server_version:
            rows.append(one)
    return kept


def order(found: Sequence[Capability]) -> tuple[Mode, ...]:
    """The modes of one probe, best first: those that hold, then the others by how often they did.

    A mode that never gave a valid answer is left out, and so is one that was not tried beside the others,
    unless nothing is left.
    """
    share = {one.mode: one.share for one in found}
    holding = [mode for mode in MODES if share.get(mode, 0.0) >= HOLDS_FROM]
    weak = [mode for mode in MODES if 0 < share.get(mode, 0.0) < HOLDS_FROM]
    return (*holding, *sorted(weak, key=lambda mode: -share[mode])) or MODES


def thinks_with_grammar(found: Sequence[Capability]) -> bool | None:
    """False also where the grammar silently switches thinking off: it is seen without, and not with."""
    by_mode = {one.mode: one for one in found if one.thinks}
    bound = by_mode.pop("grammar", None)
    if bound is None:
        return None
    if bound.share < HOLDS_FROM:
        return False
    if bound.thinking_tokens:
        return True
    return False if any(one.thinking_tokens for one in by_mode.values()) else None
