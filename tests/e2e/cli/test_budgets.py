"""`workbench budgets` and `workbench models price`."""

from __future__ import annotations

from tests.e2e.cli.command import Workbench


def test_a_budget_is_set_and_listed_with_what_is_left(workbench: Workbench) -> None:
    """Of a day that is past: other tests work on the same database."""
    past = "day:2020-01-01"
    done = workbench("budgets", "set", past, "--usd", "2.5", "--tokens", "9000")
    assert (done.code, done.out) == (0, f"{past} from the next call on: $2.5000 dollars, 9,000 tokens\n")
    lines = [" ".join(line.split()) for line in workbench("budgets", "list", past).out.splitlines()]
    assert lines == [
        "budget in limit reserved spent left",
        f"{past} dollars $2.5000 $0.0000 $0.0000 $2.5000",
        "tokens 9,000 0 0 9,000",
    ]
    [day] = workbench("budgets", "list", past, "--json").json
    assert (day["limit_usd"], day["limit_tokens"], day["is_edited"]) == ("2.500000", 9000, True)
    assert "any dollars, 9,000 tokens" in workbench("budgets", "set", past, "--usd", "none").out
    assert {"run", "day"} <= {each["name"] for each in workbench("budgets", "list", "--json").json}


def test_a_budget_of_nothing_is_refused(workbench: Workbench) -> None:
    assert "run:<id>" in workbench("budgets", "set", "week", "--usd", "1").err
    assert workbench("budgets", "set", "day").code == 2
    assert workbench("budgets", "set", "day", "--tokens", "1.5").code == 2
    assert workbench("budgets", "set", "day", "--usd", "NaN").code == 2


def test_a_price_is_set_listed_and_taken_away(workbench: Workbench) -> None:
    new = ("anthropic", "claude-next", "--input", "3", "--output", "15", "--from", "2026-01-01")
    said = workbench("models", "price", "set", *new).out
    assert said == (
        "claude-next on anthropic costs $3 a million tokens in and $15 out from 2026-01-01 00:00 UTC on\n"
    )
    [price] = workbench("models", "price", "list", "--json").json
    assert (price["input"], price["cache_read"]) == ("3.000000", None)
    assert "there are: anthropic" in workbench("models", "price", "set", "antropic", *new[1:]).err
    assert workbench("models", "price", "remove", "anthropic", "claude-next").code == 0
    assert "no price was set" in workbench("models", "price", "list").out
