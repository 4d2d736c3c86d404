"""Gates over REST."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.errors import Invalid
from app.pipelines import definitions, projects
from app.pipelines.definition import Definition
from app.pipelines.projects import ProjectDraft
from app.services import Services
from app.tables import TokenRole
from tests.db.repositories import make_repository

LINES: dict[str, Any] = {
    "name": "lines",
    "kind": "command",
    "description": "No line ends with a blank.",
    "files": ["*.txt"],
    "settings": {"argv": ["sh", "-c", '! grep -n " $" "$@"', "sh", "{files}"]},
}


async def test_the_seeded_gates_are_listed_and_shown(api: httpx.AsyncClient) -> None:
    listed = {gate["name"]: gate for gate in (await api.get("/gates")).json()}
    assert {"go", "java", "javascript", "python", "ruff", "typescript"} <= listed.keys()
    assert (await api.get("/gates/go")).json() == listed["go"]
    assert (listed["go"]["kind"], listed["go"]["edited_at"]) == ("go", None)
    unknown = await api.get("/gates/cobol")
    assert unknown.status_code == 404
    assert "there are: " in unknown.json()["detail"]


async def test_a_gate_is_written_whole_and_removed(api: httpx.AsyncClient) -> None:
    written = await api.put("/gates/lines", json=LINES)
    assert written.status_code == 200
    assert written.json()["edited_at"] is not None
    changed = {**LINES, "files": ["*.md"], "settings": {"argv": ["true"]}}
    assert (await api.put("/gates/lines", json=changed)).json()["settings"] == {"argv": ["true"]}
    assert (await api.delete("/gates/lines")).status_code == 204
    assert (await api.get("/gates/lines")).status_code == 404


@pytest.mark.parametrize(
    ("changes", "status", "place"),
    [
        ({"kind": "magic"}, 404, None),
        ({"settings": {}}, 422, "settings.argv"),
        ({"settings": {"argv": ["true"], "shell": True}}, 422, "settings.shell"),
        ({"kind": "go"}, 422, "settings.argv"),
        ({"files": []}, 422, None),
        ({"name": "other"}, 422, "name"),
        ({"pattern": "*"}, 422, None),
    ],
)
async def test_a_gate_that_can_not_work_is_refused_and_nothing_is_stored(
    api: httpx.AsyncClient, changes: dict[str, Any], status: int, place: str | None
) -> None:
    refused = await api.put("/gates/lines", json={**LINES, **changes})
    assert refused.status_code == status
    assert place is None or place in refused.text
    assert (await api.get("/gates/lines")).status_code == 404


async def test_a_gate_that_something_names_is_not_removed(
    api: httpx.AsyncClient, services: Services, tmp_path: Path
) -> None:
    async with services.database.transaction() as session:
        small = await definitions.get(session, "software-small")
        await definitions.save(session, _with_gate(small, "go"), services.kinds, by_person=True)
    draft = ProjectDraft(
        name="shop",
        path=str(make_repository(tmp_path / "shop", {"a.go": "package a"}).path),
        gates=("go", "java"),
    )
    await projects.save(services.database, draft)
    refused = await api.delete("/gates/go")
    assert refused.status_code == 409
    assert "the project shop, the definition gated" in refused.json()["detail"]
    assert (await api.delete("/gates/java")).status_code == 409


async def test_a_definition_names_only_gates_that_exist(services: Services) -> None:
    async with services.database.transaction() as session:
        small = await definitions.get(session, "software-small")
        with pytest.raises(Invalid, match=r"phases\[1\]\.gates .*no gates 'cobol'"):
            await definitions.save(session, _with_gate(small, "cobol"), services.kinds, by_person=True)


async def test_only_an_admin_writes_what_runs_here(
    secured: httpx.AsyncClient, bearer: Callable[[TokenRole], dict[str, str]]
) -> None:
    for role in TokenRole:
        put = await secured.put("/gates/lines", json=LINES, headers=bearer(role))
        gone = await secured.delete("/gates/lines", headers=bearer(role))
        allowed = (200, 204) if role is TokenRole.ADMIN else (403, 403)
        assert (put.status_code, gone.status_code) == allowed
        assert (await secured.get("/gates", headers=bearer(role))).status_code == 200


def _with_gate(small: Definition, name: str) -> Definition:
    phases = [
        phase.model_copy(update={"gates": (name,)}) if phase.kind == "tests" else phase
        for phase in small.phases
    ]
    return small.model_copy(update={"name": "gated", "phases": tuple(phases)})
