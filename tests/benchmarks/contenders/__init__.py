"""What is measured: our engine, the floor, and other engines that make phases durable in Postgres."""

from __future__ import annotations

from importlib import import_module

from tests.benchmarks.contenders.contender import Contender

MODULES = {
    "floor": "tests.benchmarks.contenders.floor",
    "workbench": "tests.benchmarks.contenders.workbench",
    "langgraph": "tests.benchmarks.contenders.langgraph",
    "dbos_queue": "tests.benchmarks.contenders.dbos_queue",
    "dbos": "tests.benchmarks.contenders.dbos",
}


def contender(name: str) -> Contender:
    """Raises `ModuleNotFoundError` when its packages are not installed."""
    found: Contender = import_module(MODULES[name]).CONTENDER
    return found
