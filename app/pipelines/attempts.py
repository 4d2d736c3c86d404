"""Says why a phase that was tried again and again never ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from app.pipelines.history import WORKER_DIED
from app.pipelines.interruption import DRAINED
from app.pipelines.performing import DATABASE_LOST, LOCAL_FAULT

WHY: Mapping[str, str] = {
    WORKER_DIED: "its worker died",
    DATABASE_LOST: "the database was lost",
    LOCAL_FAULT: "a file or a git command failed",
    DRAINED: "its worker was told to stop",
}
REMEDY = "the log of the workers says more; retrying it makes a new run"


def never_ended(phase: str, attempts: int, known: Mapping[str, int]) -> str:
    """`known`: how often it was begun in vain, by the code of why.

    Attempts that left no trace are workers that died before they began.
    """
    times = Counter(known)
    if (silent := attempts - times.total()) > 0:
        times[WORKER_DIED] += silent
    reasons = ", ".join(f"{WHY.get(code, code)} {_often(number)}" for code, number in times.most_common())
    return f"phase {phase} was tried {_often(times.total())} and never ended: {reasons}; {REMEDY}"


def _often(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")
