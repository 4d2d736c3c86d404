"""A page in three stages, each looked at in a browser: what goes wrong is mended before the next begins."""

from __future__ import annotations

from pathlib import Path

from app.pipelines import projects
from app.pipelines.comparison import figures_of
from app.pipelines.projects import ProjectDraft
from app.services import Services
from app.tables import State, TestAdapter
from tests.db.repositories import make_repository
from tests.db.software import Shop, Team, code
from tests.e2e.test_html import with_chromium

EPIC = "A ball that bounces"


def page(*lines: str) -> str:
    """A canvas with a ball, and these lines of script."""
    script = "\n".join(lines)
    return f"""<!doctype html>
<title>Ball</title>
<canvas id="stage" width="300" height="200"></canvas>
<script>
const pen = document.getElementById("stage").getContext("2d");
{script}
</script>
"""


DRAW = """function draw(x) {
  pen.clearRect(0, 0, 300, 200);
  pen.beginPath();
  pen.arc(x, 100, 20, 0, 7);
  pen.fill();
}"""
SHAPES = page(DRAW, "draw(60);")
FROZEN = page(DRAW, "const x = 60;", "x += 5;", "draw(x);")
MOTION = page(DRAW, "let x = 60, speed = 3;", "x += speed;", "draw(x);")
WHOLE = page(
    DRAW,
    "let x = 60, speed = 3;",
    "function frame() {",
    "  x += speed;",
    "  if (x < 20 || x > 280) speed = -speed;",
    "  draw(x);",
    "  requestAnimationFrame(frame);",
    "}",
    "frame();",
)


@with_chromium
async def test_a_stage_that_crashes_is_mended_and_the_last_page_is_committed(
    services: Services, tmp_path: Path
) -> None:
    person = make_repository(tmp_path / "ball", {"README.md": "A ball\n"}, {})
    await projects.save(
        services.database,
        ProjectDraft(
            name="ball",
            path=str(person.path),
            test_adapter=TestAdapter.GATES,
            test_command=(),
            gates=("pages",),
        ),
    )
    stages = {"shapes": [SHAPES], "motion": [FROZEN, MOTION], "whole": [WHOLE]}
    team = Team(**{name: [code({"index.html": text}) for text in texts] for name, texts in stages.items()})
    shop = Shop(services, tmp_path)
    runs = []
    for definition, asked in (("page-prose", team), ("page-whole", Team(page=[code({"index.html": WHOLE})]))):
        made = await services.pipelines.create(EPIC, definition=definition, project="ball")
        await services.pipelines.start(made.id)
        await shop.walk(made, asked)
        runs.append(await services.pipelines.get(made.id))
    assert [run.state for run in runs] == [State.SUCCEEDED, State.SUCCEEDED]
    assert person.git("show", f"workbench/{runs[0].id}:index.html") + "\n" == WHOLE

    roles = [(call.key.phase, call.key.round, "sent back" in call.system) for call in team.calls]
    assert roles == [("shapes", 0, False), ("motion", 0, False), ("motion", 1, True), ("whole", 1, False)]
    assert "uncaught TypeError: Assignment to constant variable." in team.calls[2].messages[-1].content
    async with services.database.transaction() as session:
        staged, whole = await figures_of(session, [run.id for run in runs])
    assert [phase.sent_back for phase in staged.phases if phase.kind == "browser"] == [0, 1, 0]
    assert whole.at_once == len(whole.phases)
