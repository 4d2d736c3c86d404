"""What every contender does: runs of a few phases, each of which leaves a document of 2 KB."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass

CALL_S = 0.1
DOCUMENT_CHARS = 2_000


@dataclass(frozen=True)
class Workload:
    """One shape of run."""

    name: str
    phases: int
    sleep_s: float

    @property
    def ideal_s(self) -> float:
        """How long a run takes when nothing but its phases takes time."""
        return self.phases * self.sleep_s


INSTANT = Workload("instant", phases=6, sleep_s=0)
CALLS = Workload("calls", phases=10, sleep_s=CALL_S)
WORKLOADS = {workload.name: workload for workload in (INSTANT, CALLS)}


async def answer(sleep_s: float) -> dict[str, str]:
    """The work of one phase; the sleep stands for a model. Random text, so that no table compresses it."""
    if sleep_s:
        await asyncio.sleep(sleep_s)
    return {"text": secrets.token_hex(DOCUMENT_CHARS // 2)}
