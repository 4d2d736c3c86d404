"""`workbench cache`: what is kept, and what it saved. Other commands of the folder may have kept answers."""

from __future__ import annotations

import re

from tests.e2e.cli.command import Workbench


def test_a_cache_that_was_emptied_says_so_with_its_policy(workbench: Workbench) -> None:
    workbench("cache", "--clear")
    lines = workbench("cache").out.splitlines()
    assert lines[0] == "0 answers, 0.0 of 256 MB"
    assert re.fullmatch(r"\d+ given again in 30 days: [\d,]+ tokens and \$\d+\.\d{4} saved", lines[1])
    assert "kept for 24 hours" in lines[2]


def test_the_figures_are_there_as_json(workbench: Workbench) -> None:
    workbench("cache", "--clear")
    found = workbench("cache", "--days", "7", "--json").json
    assert (found["entries"], found["bytes"], found["days"]) == (0, 0, 7)
    assert workbench("cache", "--clear", "--json").json == {"removed": 0}


def test_a_cache_that_is_off_is_said(workbench: Workbench) -> None:
    assert "the cache is off" in workbench("cache", WORKBENCH_RESPONSE_CACHE_HOURS="0").out
