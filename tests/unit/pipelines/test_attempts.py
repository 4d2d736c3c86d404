"""What is said of a phase that was tried too often."""

from __future__ import annotations

import pytest

from app.pipelines.attempts import REMEDY, never_ended


@pytest.mark.parametrize(
    ("attempts", "known", "said"),
    [
        (3, {"worker_died": 3}, "tried 3 times and never ended: its worker died 3 times"),
        (3, {}, "tried 3 times and never ended: its worker died 3 times"),
        (
            3,
            {"database_lost": 2},
            "tried 3 times and never ended: the database was lost twice, its worker died once",
        ),
        (
            2,
            {"local_fault": 1, "drained": 4},
            "tried 5 times and never ended: its worker was told to stop 4 times, "
            "a file or a git command failed once",
        ),
        (1, {"new": 1}, "tried once and never ended: new once"),
    ],
)
def test_each_reason_is_named_as_often_as_it_ended_an_attempt(
    attempts: int, known: dict[str, int], said: str
) -> None:
    assert never_ended("qa", attempts, known) == f"phase qa was {said}; {REMEDY}"
