"""An epic for a page: what a browser finds in the first answer goes back, and the second becomes a commit."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from app.artifacts import files
from app.artifacts import store as artifacts
from app.pipelines import definitions, projects
from app.pipelines.definition import Definition
from app.pipelines.projects import ProjectDraft
from app.services import Services
from app.tables import Pipeline, State, TestAdapter
from app.workspace.browser.inside.picture import is_uniform
from app.workspace.browser.program import PROGRAMS
from tests.db.repositories import make_repository
from tests.db.software import Shop, Team, code

with_chromium = pytest.mark.skipif(
    not any(os.access(path, os.X_OK) for path in PROGRAMS),
    reason="chromium is not installed (apt install chromium)",
)

PAGE = """<!doctype html>
<title>Aquarium</title>
<body style="margin: 0; background: #036">
<canvas id="tank" width="1280" height="720"></canvas>
<script>
const ctx = document.getElementById('tank').getContext('2d');
const fish = [{x: 200, y: 200, hue: 30}, {x: 600, y: 400, hue: 340}, {x: 900, y: 250, hue: 60}];
function draw(one) {
  ctx.fillStyle = `hsl(${one.hue} 90% 60%)`;
  ctx.beginPath(); ctx.ellipse(one.x, one.y, 60, 30, 0, 0, 7); ctx.fill();
  ctx.beginPath(); ctx.moveTo(one.x - 50, one.y); ctx.lineTo(one.x - 95, one.y - 30);
  ctx.lineTo(one.x - 95, one.y + 30); ctx.fill();
  ctx.fillStyle = '#000'; ctx.beginPath(); ctx.arc(one.x + 35, one.y - 8, 5, 0, 7); ctx.fill();
}
function frame() {
  ctx.clearRect(0, 0, 1280, 720);
  for (const one of fish) { one.x = (one.x + 2) % 1400; draw(one); }
  requestAnimationFrame(frame);
}
frame();
</script>
"""
SHADOWED = PAGE.replace("for (const one of fish) { one.x = (one.x + 2) % 1400; draw(one); }",
                        "for (let fish of fish) { fish.x = (fish.x + 2) % 1400; draw(fish); }")  # fmt: skip


async def prepare(services: Services, folder: Path) -> None:
    """A repository of pages with no Python in it, and a lane that looks at them."""
    person = make_repository(folder / "pages", {"README.md": "An aquarium\n"}, {})
    draft = ProjectDraft(
        name="pages",
        path=str(person.path),
        test_adapter=TestAdapter.GATES,
        test_command=(),
        gates=("pages",),
    )
    await projects.save(services.database, draft)
    async with services.database.transaction() as session:
        small = await definitions.get(session, "software-small")
        phases = {phase.name: phase.model_dump(by_alias=True) for phase in small.phases}
        look = {
            "name": "look",
            "kind": "browser",
            "artifact": "pages",
            "schema": "BrowserReport",
            "on_reject": "developer",
            "max_rework": 1,
            "settings": {"wait_ms": 300, "load_ms": 60_000},
        }
        lane = [phases["developer"], look, phases["test"], phases["commit"] | {"inputs": ()}]
        body = {"name": "pages", "description": "Pages", "phases": lane}
        await definitions.save(session, Definition.model_validate(body), services.kinds, by_person=True)


async def run(services: Services, shop: Shop, team: Team) -> Pipeline:
    made = await services.pipelines.create("Draw an aquarium", definition="pages", project="pages")
    await services.pipelines.start(made.id)
    await shop.walk(made, team)
    return await services.pipelines.get(made.id)


@with_chromium
async def test_a_page_that_crashes_in_its_first_frame_is_sent_back_and_a_good_one_is_committed(
    services: Services, tmp_path: Path
) -> None:
    await prepare(services, tmp_path)
    team = Team(developer=[code({"aquarium.html": SHADOWED}), code({"aquarium.html": PAGE})])
    done = await run(services, Shop(services, tmp_path), team)
    assert done.state == State.SUCCEEDED
    told = team.asked("developer")[1].messages[-1].content
    assert "aquarium.html:17: uncaught ReferenceError: Cannot access 'fish' before initialization" in told

    async with services.database.transaction() as session:
        made = await artifacts.current(session, done.id)
        [report] = made["pages"]["pages"]
        picture = await files.get(session, done.id, report["picture"]["sha256"])
        reports = await artifacts.versions(session, done.id, "pages")
    assert made["commit"]["branch"] == f"workbench/{done.id}"
    assert [row.body["outcome"] for row in reports] == ["passed", "failed"]
    assert not is_uniform(picture.data)
    await asyncio.to_thread(_keep, picture.data)


def _keep(picture: bytes) -> None:
    """For a person who wants to look: WORKBENCH_TEST_SCREENSHOT names the file."""
    if target := os.environ.get("WORKBENCH_TEST_SCREENSHOT"):
        Path(target).write_bytes(picture)
