"""What a run changes and where it was pushed, over REST."""

from __future__ import annotations

from pathlib import Path

import httpx

from app.pipelines import projects
from app.pipelines.projects import ProjectDraft
from app.services import SAMPLE_PROJECT, Services
from tests.db.api.test_results import finished as finished

UNREACHABLE = "http://127.0.0.1:9/shop.git"


async def test_the_change_of_a_run_and_its_pull_request(
    working_api: httpx.AsyncClient, finished: str
) -> None:
    found = (await working_api.get(f"{finished}/diff")).json()
    detail = (await working_api.get(finished)).json()
    assert found["base"] == detail["base_commit"]
    committed = (await working_api.get(f"{finished}/artifacts/commit")).json()["files"]
    assert {file["path"] for file in found["files"]} == {file["path"] for file in committed}
    assert all(file["diff"].startswith("--- ") for file in found["files"])
    body = (await working_api.get(f"{finished}/documents/pull_request")).text
    assert body.startswith("# ")
    assert "## Checks" in body


async def test_a_run_that_has_written_nothing_changes_nothing(api: httpx.AsyncClient) -> None:
    path = (await api.post("/pipelines", json={"epic_description": "Add health check endpoint"})).headers[
        "location"
    ]
    for what in ("diff", "documents/pull_request"):
        assert (await api.get(f"{path}/{what}")).status_code == 409
    assert (await api.post(f"{path}/push")).status_code == 409


async def test_a_push_says_what_came_of_it(
    working_api: httpx.AsyncClient, finished: str, services: Services
) -> None:
    assert (await working_api.post(f"{finished}/push")).status_code == 409
    async with services.database.transaction() as session:
        path = Path((await projects.get(session, SAMPLE_PROJECT)).path)
    await projects.save(
        services.database, ProjectDraft(name=SAMPLE_PROJECT, path=str(path), push_to=UNREACHABLE)
    )
    answer = await working_api.post(f"{finished}/push")
    assert (answer.status_code, answer.json()["state"]) == (200, "committed_not_pushed")
    assert "did not take the branch" in answer.json()["error"]
    assert (await working_api.get(finished)).json()["push"] == answer.json()
