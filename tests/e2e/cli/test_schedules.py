"""The commands `schedules` and `destinations`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.cli.command import Workbench

DAILY = ("--cron", "0 9 * * *", "--timezone", "America/Los_Angeles", "--definition", "talk")
TALK = """
name: talk
description: One phase that needs no repository
phases:
- {name: pm, kind: llm, role: pm, artifact: epic, schema: EpicDeliverable, route: light}
"""
POST = """- name: post
  kind: deliver
  inputs: [epic]
  destination: chat
  artifact: receipt
  schema: DeliveryRecord
"""


@pytest.fixture(autouse=True)
def talk(workbench: Workbench, tmp_path: Path) -> Path:
    """A definition that needs no repository, and the file it came from."""
    file = tmp_path / "talk.yaml"
    file.write_text(TALK)
    assert workbench("definitions", "put", str(file)).code == 0
    return file


def test_a_schedule_is_added_listed_and_shown(workbench: Workbench) -> None:
    added = workbench("schedules", "add", "daily", *DAILY, "--input", "Look at {{ tick_date }}")
    assert added.code == 0, added.err
    assert added.out.startswith("daily stored; next: 20")
    assert " 09:00 -0" in workbench("schedules", "list").out
    listed = {row["name"]: row for row in workbench("schedules", "list", "--json").json}
    assert (listed["daily"]["missed"], listed["daily"]["paused"]) == ("once", False)
    shown = workbench("schedules", "show", "daily")
    assert "America/Los_Angeles" in shown.out
    assert "Look at {{ tick_date }}" in shown.out
    assert workbench("schedules", "remove", "daily").code == 0
    assert "no schedule 'daily'" in workbench("schedules", "show", "daily").err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--cron", "0 9 * *", "--input", "x"), "five fields"),
        (("--cron", "0 9 * * *"), "input_template: Field required"),
        (("--cron", "0 9 * * *", "--input", "{{ nobody }}"), "declared are: name, number, tick, tick_date"),
        (("--cron", "0 9 * * *", "--input", "x", "--timezone", "Pacific"), "no time zone 'Pacific'"),
        (("--cron", "0 9 * * *", "--input", "x", "--definition", "gone"), "'gone'"),
    ],
)
def test_a_schedule_that_can_not_work_is_refused(
    workbench: Workbench, options: tuple[str, ...], said: str
) -> None:
    refused = workbench("schedules", "add", "broken", *options)
    assert (refused.code, said in refused.err) == (1, True), refused.err


def test_a_schedule_is_edited_paused_resumed_and_run(workbench: Workbench, tmp_path: Path) -> None:
    epic = tmp_path / "epic.md"
    epic.write_text("Run {{ number }} of {{ name }}")
    workbench("schedules", "add", "worked", *DAILY, "--input", f"@{epic}")
    edited = workbench("schedules", "edit", "worked", "--missed", "all", "--cron", "30 9 * * *")
    assert " 09:30 -0" in edited.out, edited.err
    assert workbench("schedules", "pause", "worked").out == "worked is paused\n"
    assert "paused" in workbench("schedules", "list").out
    made = workbench("schedules", "run", "worked")
    assert "is queued" in made.out, made.err
    shown = workbench("schedules", "show", "worked", "--json").json
    assert (shown["missed"], shown["upcoming"], shown["number"]) == ("all", [], 1)
    assert shown["ticks"][0]["pipeline_id"] in made.out
    run = workbench("show", shown["ticks"][0]["pipeline_id"], "--json").json
    assert run["epic_description"] == "Run 1 of worked"
    assert "09:30" in workbench("schedules", "resume", "worked").out


def test_a_destination_is_added_used_made_live_and_removed(workbench: Workbench, talk: Path) -> None:
    added = workbench(
        *("destinations", "add", "chat", "--url", "https://chat.example.org/hooks/1", "--method", "PUT"),
        *("--header", "X-Kind: epic", "--secret-header", "Authorization=CHAT_TOKEN", "--timeout", "5"),
    )
    assert added.out == "chat stored; dry run\n", added.err
    assert workbench("destinations", "edit", "chat", "--live").out == "chat stored; live\n"
    shown = workbench("destinations", "show", "chat").json
    assert shown["config"]["secret_headers"] == {"Authorization": "CHAT_TOKEN"}
    assert (shown["dry_run"], shown["config"]["method"]) == (False, "PUT")
    assert "live" in workbench("destinations", "list").out
    talk.write_text(TALK + POST)
    assert workbench("definitions", "put", str(talk)).code == 0
    assert "destination: chat" in workbench("definitions", "show", "talk").out
    assert "used by the definition talk" in workbench("destinations", "remove", "chat").err
    talk.write_text(TALK)
    workbench("definitions", "put", str(talk))
    assert workbench("destinations", "remove", "chat").code == 0


def test_a_command_is_a_destination_too(workbench: Workbench) -> None:
    added = workbench(
        "destinations", "add", "mail", "--command", "/usr/bin/mail -s 'A report' me", "--variable", "HOME"
    )
    assert added.code == 0, added.err
    assert "/usr/bin/mail -s 'A report' me" in workbench("destinations", "list").out
    assert workbench("destinations", "list", "--json").json[0]["config"]["variables"] == ["HOME"]
    workbench("destinations", "remove", "mail")
    assert workbench("destinations", "list").out == "no destinations yet\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "either --url or --command"),
        (("--url", "https://a.b", "--command", "/bin/x"), "either --url or --command"),
        (("--url", "http://a.b"), "https://"),
        (("--url", "https://a.b", "--header", "novalue"), "'Name: value'"),
        (("--url", "https://a.b", "--secret-header", "A=ANTHROPIC_API_KEY"), "not sent anywhere"),
        (("--command", "mail 'me"), "can not be read"),
    ],
)
def test_a_destination_that_can_not_work_is_refused(
    workbench: Workbench, options: tuple[str, ...], said: str
) -> None:
    refused = workbench("destinations", "add", "broken", *options)
    assert (refused.code, said in refused.err) == (1, True), refused.err
