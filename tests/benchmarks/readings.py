"""Counters read before and after a piece of work, and what lies between."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from tests.benchmarks import processes

COUNTERS = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
COMMITS = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"


@dataclass(frozen=True)
class Reading:
    """Counters at one moment, or their growth."""

    wall_s: float
    worker_cpu_s: float
    postgres_cpu_s: float | None
    """None: the server runs on another machine."""
    wal_bytes: int

    def since(self, before: Reading) -> Reading:
        known = self.postgres_cpu_s is not None and before.postgres_cpu_s is not None
        return Reading(
            self.wall_s - before.wall_s,
            self.worker_cpu_s - before.worker_cpu_s,
            self.postgres_cpu_s - before.postgres_cpu_s if known else None,  # type: ignore[operator]
            self.wal_bytes - before.wal_bytes,
        )


def read(url: str, pids: Sequence[int]) -> Reading:
    with psycopg.connect(url, autocommit=True) as connection:
        parent = processes.postmaster(connection)
        row = connection.execute(COUNTERS).fetchone()
        assert row is not None
        return Reading(
            time.perf_counter(),
            sum(processes.cpu_s(pid) for pid in pids),
            None if parent is None else processes.family_cpu_s(parent),
            row[0],
        )


def commits(url: str) -> int:
    """Of this database so far. Sessions report theirs late, but at the latest when they end."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(COMMITS).fetchone()
        assert row is not None
        return int(row[0])
