"""Prompts, definitions, phases, projects, models and tokens over REST."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import httpx

EPIC = {"epic_description": "Add health check endpoint"}
DRAFT = {
    "system": "Answer as {{ schema_name }}: {{ schema }}",
    "task": "Build {{ epic_description }}",
    "variables": ["schema", "schema_name", "epic_description"],
    "message": "shorter",
}


async def test_a_new_version_runs_once_the_label_points_at_it(api: httpx.AsyncClient) -> None:
    roles = {role["role"]: role["labels"] for role in (await api.get("/prompts")).json()}
    assert roles["pm"] == {"production": 1}
    before = (await api.post("/pipelines", json=EPIC)).json()
    added = await api.post("/prompts/pm/versions", json=DRAFT)
    assert added.status_code == 201
    assert added.headers["location"] == "/prompts/pm/versions/2"
    assert (await api.get("/prompts/pm")).json()["labels"] == {"production": 1}
    moved = await api.put("/prompts/pm/labels/production", json={"version": 2})
    assert moved.json() == {"role": "pm", "labels": {"production": 2}}
    after = (await api.post("/pipelines", json=EPIC)).json()
    snapshots = [(await api.get(run["links"]["self"])).json()["snapshot"] for run in (before, after)]
    assert snapshots[0] != snapshots[1]


async def test_a_version_can_be_read(api: httpx.AsyncClient) -> None:
    await api.post("/prompts/pm/versions", json=DRAFT)
    version = (await api.get("/prompts/pm/versions/2")).json()
    assert version["task"] == DRAFT["task"]
    assert version["created_by"] == "anonymous"
    detail = (await api.get("/prompts/pm")).json()
    assert [entry["version"] for entry in detail["versions"]] == [2, 1]
    for path in ("/prompts/nobody", "/prompts/pm/versions/9"):
        assert (await api.get(path)).status_code == 404
    assert (await api.put("/prompts/pm/labels/production", json={"version": 9})).status_code == 404


async def test_a_broken_prompt_is_refused_with_its_place_and_nothing_is_stored(
    api: httpx.AsyncClient,
) -> None:
    broken = {
        "syntax": DRAFT | {"task": "one\n{% if %}"},
        "undeclared": DRAFT | {"task": "one\n{{ nobody_declared_this }}"},
        "unknown": DRAFT | {"variables": ["schema", "no_such_value"]},
        "escape": DRAFT | {"task": "one\n{{ ''.__class__.__mro__ }}{{ epic_description }}"},
        "nul": DRAFT | {"task": "a\x00b"},
    }
    answers = {name: await api.post("/prompts/pm/versions", json=draft) for name, draft in broken.items()}
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(broken, 422)
    assert answers["syntax"].json()["details"]["line"] == 2
    assert answers["undeclared"].json()["details"]["variable"] == "nobody_declared_this"
    assert answers["unknown"].json()["details"]["place"] == "variables"
    assert [entry["version"] for entry in (await api.get("/prompts/pm")).json()["versions"]] == [1]


async def test_a_new_role_is_made_once(api: httpx.AsyncClient) -> None:
    made = await api.post("/prompts", json=DRAFT | {"role": "poet"})
    assert made.status_code == 201
    assert (await api.get("/prompts/poet")).json()["labels"] == {"production": 1}
    assert (await api.post("/prompts", json=DRAFT | {"role": "poet"})).status_code == 409
    assert (await api.post("/prompts/nobody/versions", json=DRAFT)).status_code == 404
    assert len((await api.get("/prompts/poet")).json()["versions"]) == 1


async def test_a_definition_reads_back_as_it_was_written(api: httpx.AsyncClient) -> None:
    small = (await api.get("/definitions/software-small")).json()
    mine = small | {"name": "mine", "description": "My own lane"}
    assert (await api.put("/definitions/mine", json=mine)).json() == mine
    names = [definition["name"] for definition in (await api.get("/definitions")).json()]
    assert {"mine", "software", "software-small"} <= set(names)
    assert (await api.put("/definitions/other", json=mine)).json()["details"]["place"] == "name"
    assert (await api.post("/pipelines", json=EPIC | {"definition": "mine"})).status_code == 201


async def test_a_broken_definition_is_refused_with_its_place(api: httpx.AsyncClient) -> None:
    software = (await api.get("/definitions/software")).json()
    software["phases"][1]["schema"] = "NoSuchSchema"
    refused = await api.put("/definitions/software", json=software)
    assert refused.status_code == 422
    assert refused.json()["details"]["place"] == "phases[1].schema"
    software["phases"][1]["max_rework"] = 1000
    assert (await api.put("/definitions/software", json=software)).json()["details"]["place"] == (
        "phases[1].max_rework"
    )


async def test_one_phase_can_be_written_and_a_fault_in_it_has_a_place(api: httpx.AsyncClient) -> None:
    path = "/phases/software/qa"
    phase = (await api.get(path)).json()
    changed = await api.put(path, json=phase | {"max_rework": 2})
    assert changed.status_code == 200
    assert (await api.get(path)).json()["max_rework"] == 2
    for wrong, place in (
        ({"kind": "magic"}, "kind"),
        ({"role": "ghost"}, "role"),
        ({"on_reject": "commit"}, "on_reject"),
    ):
        refused = await api.put(path, json=phase | wrong)
        assert refused.status_code == 422
        assert refused.json()["details"]["place"].endswith(f".{place}")
    typo = await api.put(path, json=phase | {"max_reworks": 2})
    assert typo.json()["details"]["place"] == "max_reworks"
    assert (await api.get("/phases/software/nothing")).status_code == 404
    assert (await api.put("/phases/software/nothing", json=phase)).status_code == 404
    assert (await api.get(path)).json()["max_rework"] == 2


async def test_two_people_who_edit_two_phases_at_once_keep_both_edits(api: httpx.AsyncClient) -> None:
    paths = ("/phases/software/qa", "/phases/software/test")
    phases = [(await api.get(path)).json() for path in paths]
    await asyncio.gather(
        *(api.put(path, json=phase | {"max_rework": 7}) for path, phase in zip(paths, phases, strict=True))
    )
    assert [(await api.get(path)).json()["max_rework"] for path in paths] == [7, 7]


async def test_the_phases_of_all_definitions_stand_in_one_list(api: httpx.AsyncClient) -> None:
    entries = (await api.get("/phases")).json()
    software = [entry["phase"]["name"] for entry in entries if entry["definition"] == "software"]
    assert software == ["pm", "architect", "developer", "test", "qa", "commit"]


async def test_a_project_is_registered_once_and_changed_afterwards(
    api: httpx.AsyncClient, tmp_path: Path
) -> None:
    draft = {"name": "mine", "path": repository(tmp_path)}
    made = await api.post("/projects", json=draft)
    assert made.status_code == 201, made.text
    assert made.headers["location"] == "/projects/mine"
    assert (await api.post("/projects", json=draft)).status_code == 409
    changed = await api.put("/projects/mine", json=draft | {"protected_paths": ["secrets/**"]})
    assert changed.json()["protected_paths"] == ["secrets/**"]
    assert [project["name"] for project in (await api.get("/projects")).json()] == ["mine", "sample"]
    unclear = await api.put("/projects/other", json=draft)
    assert unclear.json()["details"]["place"] == "name"


async def test_a_project_that_is_no_repository_is_refused(api: httpx.AsyncClient, tmp_path: Path) -> None:
    for draft, status in (
        ({"name": "mine", "path": "relative"}, 422),
        ({"name": "mine", "path": str(tmp_path)}, 422),
        ({"name": "mine", "path": str(tmp_path), "test_command": ["true"]}, 422),
        ({"name": "../x", "path": str(tmp_path)}, 422),
    ):
        assert (await api.post("/projects", json=draft)).status_code == status, draft
    assert (await api.get("/projects/mine")).status_code == 404


async def test_models_and_routes_are_listed(api: httpx.AsyncClient) -> None:
    profiles = {profile["name"]: profile for profile in (await api.get("/models")).json()}
    assert profiles["recorded"]["backend"] == "recorded"
    assert all(route["profile"] in profiles for route in (await api.get("/routes")).json())


async def test_a_token_is_shown_once_and_ends_when_it_is_revoked(api: httpx.AsyncClient) -> None:
    made = await api.post("/tokens", json={"name": "ci", "role": "operator", "days": 90})
    assert made.status_code == 201
    assert made.json()["token"].startswith("workbench_")
    listed = (await api.get("/tokens")).json()
    assert "token" not in listed[0]
    assert listed[0]["expires_at"] is not None
    revoked = await api.delete(f"/tokens/{made.json()['id']}")
    assert revoked.json()["revoked_at"] is not None
    assert (await api.delete("/tokens/99999")).status_code == 404
    assert (await api.post("/tokens", json={"name": "x", "role": "god"})).status_code == 422


async def test_the_last_admin_token_can_not_be_revoked(api: httpx.AsyncClient) -> None:
    made = [await api.post("/tokens", json={"name": "a", "role": "admin"}) for _ in range(2)]
    first, second = (answer.json()["id"] for answer in made)
    assert (await api.delete(f"/tokens/{first}")).status_code == 200
    assert (await api.delete(f"/tokens/{second}")).status_code == 409


def repository(folder: Path) -> str:
    """A repository with one commit."""
    git = ("git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b.invalid")
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    return str(folder)
