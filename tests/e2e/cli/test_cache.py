"""`workbench cache`: what is kept, and what it saved."""

from __future__ import annotations

from tests.e2e.cli.command import Workbench


def test_an_empty_cache_says_so_with_its_policy(workbench: Workbench) -> None:
    lines = workbench("cache").out.splitlines()
    assert lines[0] == "0 answers, 0.0 of 256 MB"
    assert lines[1] == "0 given again in 30 days: 0 tokens and $0.0000 saved"
    assert "kept for 24 hours" in lines[2]


def test_the_figures_are_there_as_json(workbench: Workbench) -> None:
    found = workbench("cache", "--days", "7", "--json").json
    assert (found["entries"], found["bytes"], found["hits"], found["days"]) == (0, 0, 0, 7)
    assert workbench("cache", "--clear", "--json").json == {"removed": 0}


def test_a_cache_that_is_off_is_said(workbench: Workbench) -> None:
    assert "the cache is off" in workbench("cache", WORKBENCH_RESPONSE_CACHE_HOURS="0").out
