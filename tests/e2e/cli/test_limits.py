"""`workbench limits`: what is allowed, and how it is changed."""

from __future__ import annotations

from tests.e2e.cli.command import Workbench


def test_a_limit_is_changed_listed_and_kept_by_seeding(workbench: Workbench) -> None:
    done = workbench(
        "limits", "set", "backend:ollama", "--max-concurrent", "1", "--tokens-per-minute", "9000"
    )
    assert done.code == 0
    assert done.out == (
        "backend:ollama from the next call on: 1 at once, any requests and 9,000 tokens a minute\n"
    )
    assert "call_limits backend:ollama  kept: a person edited it" in workbench("seed").out
    listed = {limit["name"]: limit for limit in workbench("limits", "list", "--json").json}
    assert listed["backend:ollama"] == {
        "name": "backend:ollama",
        "max_concurrent": 1,
        "requests_per_minute": None,
        "tokens_per_minute": 9000,
        "in_use": 0,
        "waiting": 0,
        "opens_in": 0.0,
        "edited": True,
    }
    lines = workbench("limits", "list").out.splitlines()
    head = "limit at once in use waiting requests/min tokens/min opens in"
    assert " ".join(lines[0].split()) == head
    assert "backend:ollama 1 0 0 any 9,000 now" in [" ".join(line.split()) for line in lines]


def test_nothing_takes_a_figure_away_but_0(workbench: Workbench) -> None:
    workbench("limits", "set", "profile:claude", "--max-concurrent", "3", "--requests-per-minute", "60")
    done = workbench("limits", "set", "profile:claude", "--max-concurrent", "0")
    assert "any at once, 60 requests and any tokens a minute" in done.out


def test_a_limit_of_nothing_is_refused_with_what_exists(workbench: Workbench) -> None:
    unknown = workbench("limits", "set", "backend:antropic", "--max-concurrent", "3")
    assert unknown.code == 1
    assert "there are: anthropic" in unknown.err
    empty = workbench("limits", "set", "backend:anthropic")
    assert empty.code == 2
    assert "at least one of --max-concurrent" in empty.err
