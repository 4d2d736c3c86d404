"""`workbench route`: which model does which work, where a text goes, and how that is changed."""

from __future__ import annotations

import pytest

from tests.e2e.cli.command import InProcess, Workbench, environment


@pytest.fixture
def fresh(database_url: str, state_dir) -> Workbench:
    """A database of this test alone: others change routes too."""
    return InProcess(environment(state_dir) | {"WORKBENCH_DATABASE_URL": database_url})


def test_a_text_is_explained(fresh: Workbench) -> None:
    done = fresh("route", "explain", "Describe the painting")
    assert done.code == 0
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert lines[:2] == [
        "art-description: the text says 'describe'",
        "late after 5 s; about 6 tokens of text",
    ]
    assert lines[3] == "first lmstudio qwen2.5-14b-instruct-mlx off 0.3 the profile of the route"
    assert lines[5].startswith(
        "not allowed claude-haiku claude-haiku-5-5 off from a free to a paid model only"
    )
    found = fresh("route", "explain", "-", "--escalate-to-paid", "--json", stdin="Describe it").json
    assert (found["profile"], found["line"][-1]["turn"]) == ("lmstudio", "next")
    found = fresh("route", "explain", "--task", "Critical decisions", "--json").json
    assert (found["route"], found["critical"]) == ("critical-decisions", True)


def test_a_text_that_nobody_can_take_is_a_failure_with_what_to_do(fresh: Workbench) -> None:
    done = fresh("route", "explain", "-", "--task", "art-description", stdin="word " * 9_000)
    assert done.code == 1
    assert "passed over" in done.out
    assert "nobody on the route art-description can take this text" in done.err
    assert "--escalate-to-paid" in done.err


def test_a_route_is_changed_listed_and_kept_by_seeding(fresh: Workbench) -> None:
    done = fresh(
        *("route", "set", "code-review", "--profile", "qwen3-8b", "--think", "off", "--latency", "30"),
        *("--cascade", "qwen3-14b,think=on", "--cascade", "claude,on=truncated+refused"),
    )
    steps = "qwen3-14b,think=on, then claude,on=truncated+refused"
    assert done.out == f"code-review asks qwen3-8b, then {steps} from the next run on\n"
    assert "routes code-review  kept: a person edited it" in fresh("seed").out
    listed = {route["name"]: route for route in fresh("route", "list", "--json").json}["code-review"]
    assert (listed["profile"], listed["think"], listed["latency_s"]) == ("qwen3-8b", "off", 30)
    assert (listed["cascade"][1]["on"], listed["edited"]) == (["truncated", "refused"], True)
    fresh("route", "set", "code-review", "--think", "profile", "--latency", "0", "--cascade", "none")
    [line] = [line for line in fresh("route", "list").out.splitlines() if line.startswith("code-review")]
    assert line.split() == ["code-review", "qwen3-8b"]


def test_a_route_is_made(fresh: Workbench) -> None:
    made = fresh("route", "set", "rhymes", "--profile", "ollama-uncensored", "--description", "Rhymes")
    assert made.out == "rhymes asks ollama-uncensored from the next run on\n"
    assert fresh("route", "explain", "--task", "rhymes", "--json").json["profile"] == "ollama-uncensored"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("light",), 2, "at least one of --profile"),
        (("light", "--think", "much"), 2, "off, on, low"),
        (("light", "--profile", "gpt"), 1, "there are: claude, claude-haiku"),
        (("light", "--cascade", "claude,on=tired"), 1, "'invalid_answer'"),
        (("light", "--cascade", "claude,speed=1"), 1, "speed"),
        (("critical-decisions", "--cascade", "lmstudio"), 1, "lmstudio is free"),
        (("rhymes", "--profile", "claude"), 1, "there are: agent-personality"),
    ],
)
def test_a_route_that_can_not_work_is_refused(
    workbench: Workbench, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = workbench("route", "set", *arguments)
    assert done.code == code
    assert words in done.err


def test_keywords_are_added_moved_and_removed(fresh: Workbench) -> None:
    assert fresh("route", "keywords", "add", "sunset", "light", "--before", "describe").code == 0
    assert fresh("route", "explain", "Describe a sunset", "--json").json["route"] == "light"
    fresh("route", "keywords", "add", "sunset", "code")  # last now
    assert fresh("route", "explain", "Describe a sunset", "--json").json["route"] == "art-description"
    assert fresh("route", "explain", "A sunset", "--json").json["route"] == "code"
    assert fresh("route", "keywords", "remove", "sunset").out == "'sunset' leads nowhere any more\n"
    assert fresh("route", "keywords", "remove", "describe").code == 0
    assert "route_keywords  kept: a person edited it" in fresh("seed").out
    listed = [one["keyword"] for one in fresh("route", "keywords", "list", "--json").json]
    assert (listed[0], "describe" in listed, "sunset" in listed) == ("critical", False, False)
    assert "there are: *, algorithm" in fresh("route", "keywords", "remove", "sunset").err
    assert "lead it to another route instead" in fresh("route", "keywords", "remove", "*").err
    assert fresh("route", "keywords", "add", "*", "light").code == 0
    assert fresh("route", "explain", "hello", "--json").json["route"] == "light"


def test_a_profile_takes_every_field(workbench: Workbench) -> None:
    done = workbench(
        *("models", "set", "qwen3-8b-creative", "--vram-gb", "8.5", "--max-turns", "4"),
        *("--code-channel", "blocks", "--think", "on", "--temperature", "0.9"),
    )
    assert done.code == 0
    listed = {profile["name"]: profile for profile in workbench("models", "list", "--json").json}
    found = listed["qwen3-8b-creative"]
    assert (found["vram_gb"], found["max_turns"], found["code_channel"]) == (8.5, 4, "blocks")
    assert (found["think"], found["temperature"]) == ("on", 0.9)
    refused = workbench("models", "set", "claude", "--temperature", "0.5")
    assert (refused.code, "Claude takes no temperature" in refused.err) == (1, True)
