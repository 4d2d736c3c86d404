"""The commands that look after the service: seed, prompts, models, tokens, definitions, usage, doctor."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from tests.e2e.cli.answers import cassette, code
from tests.e2e.cli.command import InProcess, Workbench, environment
from tests.stub.server import Stub


def test_the_first_seed_says_what_it_made_and_the_second_changes_nothing(
    database_url: str, state_dir: Path
) -> None:
    fresh = InProcess(environment(state_dir) | {"WORKBENCH_DATABASE_URL": database_url})
    first = fresh("seed", "--json").json
    assert "role_prompts pm@1" in first["changes"]
    assert "pipeline_definitions software" in first["changes"]
    second = fresh("seed")
    assert second.code == 0
    assert second.out == "0 changes\n"


def test_seeding_leaves_alone_what_a_person_changed(workbench: Workbench) -> None:
    changed = workbench("models", "set", "lmstudio", "--model", "my-model", "--timeout", "99")
    assert "asks my-model" in changed.out
    seeded = workbench("seed").out
    assert "model_profiles lmstudio  kept: a person edited it" in seeded
    assert seeded.endswith("0 changes\n")
    row = next(row for row in workbench("models", "list", "--json").json if row["name"] == "lmstudio")
    assert (row["model"], row["timeout_s"], row["edited"]) == ("my-model", 99.0, True)


def test_a_model_that_the_server_lacks_is_named_with_how_to_get_it(workbench: Workbench) -> None:
    done = workbench("models", "set", "none", "--model", "x")
    assert done.code == 1
    assert "there are: claude" in done.err


async def test_ollama_without_the_model_says_what_to_pull(workbench: Workbench) -> None:
    async with Stub("ollama") as stub:
        done = await asyncio.to_thread(
            workbench, "demo", "--backend", "ollama", WORKBENCH_OLLAMA_HOST=stub.url
        )
    assert done.code == 1
    assert "ollama pull qwen2.5:14b-instruct-q4_K_M" in done.err
    assert "it has: " in done.err


def test_a_prompt_is_changed_released_and_compared(workbench: Workbench, tmp_path: Path) -> None:
    file = tmp_path / "judge.md"
    before = workbench("prompts", "show", "judge").out
    file.write_text(before.replace("ROLE\n", "ROLE\nBe brief.\n", 1))
    added = workbench(
        "prompts", "add", "judge", "--file", str(file), "--message", "Shorter", "--label", "production"
    )
    assert "judge@2 stored" in added.out
    assert "+Be brief." in workbench("prompts", "diff", "judge", "1", "2").out
    assert workbench("prompts", "show", "judge").out == file.read_text()
    back = workbench("prompts", "label", "judge", "production", "1")
    assert back.code == 0
    listed = {row["role"]: row for row in workbench("prompts", "list", "--json").json}
    assert (listed["judge"]["newest"], listed["judge"]["labels"]) == (2, {"production": 1})


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("{{ subject", "judge."),
        ("{{ nobody_knows_this }}", "nobody_knows_this"),
    ],
)
def test_a_broken_prompt_is_refused_with_the_place_and_nothing_is_stored(
    workbench: Workbench, tmp_path: Path, broken: str, said: str
) -> None:
    file = tmp_path / "judge.md"
    file.write_text(
        "---\nvariables: [subject, schema, schema_name]\n---\nROLE {{ schema }} {{ schema_name }}\n"
        f"<!-- task -->\n{{{{ subject }}}} {broken}\n"
    )
    done = workbench("prompts", "add", "judge", "--file", str(file), "--message", "Broken")
    assert done.code == 1
    assert said in done.err
    missing = workbench("prompts", "show", "judge", "--version", "99")
    assert missing.code == 1
    assert "has no version 99" in missing.err


def test_a_definition_is_read_changed_and_checked(workbench: Workbench, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    shown = workbench("definitions", "show", "software-small").out
    file.write_text(shown.replace("software-small", "mine"))
    assert "mine stored" in workbench("definitions", "put", str(file)).out
    assert "mine" in workbench("definitions", "list").out
    file.write_text(file.read_text().replace("role: qa", "role: nobody"))
    refused = workbench("definitions", "put", str(file))
    assert refused.code == 1
    assert "phases[2].role" in refused.err


def test_a_token_is_shown_once_listed_and_revoked(workbench: Workbench) -> None:
    workbench("token", "create", "boss", "--role", "admin")
    made = workbench("token", "create", "ci", "--days", "7")
    text = made.out.strip()
    assert text.startswith("workbench_")
    listed = {row["name"]: row for row in workbench("token", "list", "--json").json}
    assert listed["ci"]["role"] == "operator"
    assert text not in workbench("token", "list").out
    assert workbench("token", "revoke", str(listed["ci"]["id"])).code == 0
    assert "revoked" in workbench("token", "list").out
    for row in listed.values():
        if row["role"] == "admin" and row["name"] != "boss":
            workbench("token", "revoke", str(row["id"]))
    last = workbench("token", "revoke", str(listed["boss"]["id"]))
    assert last.code == 1
    assert "last admin" in last.err


def test_projects_are_registered_and_listed(workbench: Workbench, repository: Path) -> None:
    added = workbench("projects", "add", "listed", "--repo", str(repository), "--base-branch", "main")
    assert str(repository) in added.out
    assert str(repository) in workbench("projects", "list").out
    wrong = workbench("projects", "add", "Wrong Name", "--repo", str(repository))
    assert wrong.code == 1
    assert "name of the project" in wrong.err


def test_a_change_to_a_project_keeps_what_is_not_given(workbench: Workbench, repository: Path) -> None:
    workbench("projects", "add", "kept", "--repo", str(repository), "--base-branch", "main")
    guarded = ("--protect", "LICENSE", "--protect", "legal", "--permit", "pyproject.toml")
    assert workbench("projects", "add", "kept", *guarded).code == 0
    project = next(row for row in workbench("projects", "list", "--json").json if row["name"] == "kept")
    assert (project["path"], project["base_branch"]) == (str(repository), "main")
    assert project["protected_paths"] == ["LICENSE", "legal"]
    assert project["permitted_paths"] == ["pyproject.toml"]


def test_usage_sums_the_ledger_by_model_day_and_run(
    workbench: Workbench, repository: Path, tmp_path: Path
) -> None:
    recording = cassette(tmp_path / "a", "Add one", code({"one.py": "ONE = 1\n"}))
    run = workbench(
        *("run", "Add one", "--repo", str(repository), "--definition", "software-small"),
        *("--backend", "recorded", "--step", "--json"),
        WORKBENCH_CASSETTE=recording,
    ).json
    by_phase = workbench("usage", "--run", run["id"], "--json").json
    assert by_phase["total"] == run["usage"]["total"]
    by_model = workbench("usage", "--json").json
    assert "recorded recorded" in [bill["label"] for bill in by_model["bills"]]
    by_day = workbench("usage", "--by", "day").out
    assert by_day.splitlines()[-1].startswith("total")
    assert f"{by_model['total']['input_tokens']:,}" in by_day


def test_runs_are_listed_by_state(workbench: Workbench) -> None:
    refused = workbench("runs", "--state", "sleeping")
    assert refused.code == 1
    assert "succeeded" in refused.err
    assert workbench("runs", "--state", "waiting", "--json").json == []
    assert "no runs" in workbench("runs", "--state", "waiting").out


def test_a_healthy_machine_passes_and_a_missing_key_is_only_a_warning(workbench: Workbench) -> None:
    done = workbench("doctor", "--json")
    checks = {check["name"]: check for check in done.json["checks"]}
    assert {"python", "git", "state folder", "disk", "seeds", "database", "migrations"} <= set(checks)
    assert checks["backend anthropic"]["level"] == "warn"
    assert checks["backend anthropic"]["code"] == "missing_key"
    assert checks["backend recorded"]["level"] == "ok"
    assert done.code == (0 if done.json["ok"] else 1)
    assert all(check["remedy"] for check in checks.values() if check["level"] != "ok")


def test_a_database_that_is_down_fails_the_doctor_and_every_command(workbench: Workbench) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"postgresql://nobody:secret@127.0.0.1:{closed.getsockname()[1]}/none"
        done = workbench("doctor", WORKBENCH_DATABASE_URL=url, WORKBENCH_LLM_DISABLED="1")
        listed = workbench("runs", WORKBENCH_DATABASE_URL=url)
    assert done.code == 1
    assert "FAIL  database" in done.out
    assert "WORKBENCH_DATABASE_URL" in done.out
    assert listed.code == 1
    assert "does not answer" in listed.err
    assert "secret" not in done.out + listed.err


def test_settings_that_can_not_be_used_or_are_unknown_are_named(workbench: Workbench) -> None:
    wrong = workbench("runs", WORKBENCH_LEASE_S="soon")
    assert wrong.code == 1
    assert "WORKBENCH_LEASE_S" in wrong.err
    near = workbench("runs", "--json", WORKBENCH_OLAMA_HOST="x")
    assert near.code == 0
    assert "did you mean WORKBENCH_OLLAMA_HOST" in near.err
    assert near.json is not None


def test_help_and_version_need_no_database(workbench: Workbench) -> None:
    assert workbench("--help", WORKBENCH_DATABASE_URL="postgresql://127.0.0.1:9/none").code == 0
    assert workbench("version").out.startswith("workbench ")


def test_debug_shows_where_a_command_failed(workbench: Workbench) -> None:
    assert "Traceback" in workbench("--debug", "show", "ffffffff").err
    assert "Traceback" not in workbench("show", "ffffffff").err
