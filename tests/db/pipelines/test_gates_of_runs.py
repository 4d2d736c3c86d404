"""Gates of a project and of a phase in runs: each once, before the tests, and told to whoever looks."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest_asyncio
from rich.console import Console

from app.cli import view as views
from app.cli.ending import show_ending
from app.cli.lines import finished
from app.pipelines import definitions, gates
from app.pipelines.gates import GateDraft
from app.services import Services
from app.tables import Pipeline
from tests.db.software import SHOUT, Shop, Team, code

SYNTAX = {**SHOUT, "shop/greeting.py": "def greet(name:\n    return name\n"}


@pytest_asyncio.fixture
async def shop(services: Services, tmp_path: Path) -> Shop:
    """Its definition `tiny` checks gates beside those that the project has."""
    made = Shop(services, tmp_path)
    await made.register()
    await use(made, project=("python",), phase=("python", "present"))
    return made


async def use(shop: Shop, *, project: tuple[str, ...], phase: tuple[str, ...]) -> None:
    services = shop.services
    draft = GateDraft(
        name="present",
        kind="command",
        description="The files are there.",
        files=("*.py",),
        settings={"argv": ["test", "-f", "shop/greeting.py"]},
    )
    async with services.database.transaction() as session:
        await gates.save(session, draft)
        tiny = await definitions.get(session, "tiny")
        phases = [
            one.model_copy(update={"gates": phase}) if one.kind == "tests" else one for one in tiny.phases
        ]
        changed = tiny.model_copy(update={"phases": tuple(phases)})
        await definitions.save(session, changed, services.kinds, by_person=True)
    await shop.change(gates=project)


async def results(shop: Shop, run: Pipeline) -> dict[str, Any]:
    view = await views.read(shop.services, run.id)
    found: dict[str, Any] = view.artifacts["test_results"]
    return found


async def shown(shop: Shop, run: Pipeline) -> list[str]:
    """What `workbench show` prints, blanks made alike."""
    console = Console(file=io.StringIO(), width=200)
    view = await views.read(shop.services, run.id)
    for phase in view.phases:
        for part in finished(view, phase):
            console.print(part)
    show_ending(console, view)
    assert isinstance(console.file, io.StringIO)
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines()]


async def test_a_gate_that_project_and_phase_name_runs_once(shop: Shop) -> None:
    run = await shop.run(Team(developer=[code(SHOUT)]))
    assert run.state == "succeeded"
    said = (await results(shop, run))["gates"]
    assert [(gate["name"], gate["kind"], gate["outcome"]) for gate in said] == [
        ("python", "python", "passed"),
        ("present", "command", "passed"),
    ]


async def test_a_failed_gate_is_shown_with_its_findings_and_the_tests_as_not_run(shop: Shop) -> None:
    run = await shop.run(Team(developer=[code(SYNTAX), code(SYNTAX)]))
    assert run.state == "failed"
    lines = await shown(shop, run)
    assert any(line.endswith("not run, because of 1 gate: python failed") for line in lines)
    assert "- shop/greeting.py:1: SyntaxError: '(' was never closed" in lines
    start = lines.index("Gates")
    assert lines[start + 2].startswith("python failed")
    assert "python shop/greeting.py:1 SyntaxError: '(' was never closed" in lines[start:]


async def test_a_gate_that_can_not_be_asked_ends_the_run_and_no_rework_is_paid(shop: Shop) -> None:
    await use(shop, project=("present",), phase=())
    run = await shop.services.pipelines.create("Greet in capitals", definition="tiny", project="shop")
    async with shop.services.database.transaction() as session:
        await session.delete(await gates.get(session, "present"))
    await shop.services.pipelines.start(run.id)
    await shop.walk(run, team := Team(developer=[code(SHOUT)]))
    run = await shop.services.pipelines.get(run.id)
    assert (run.state, run.error and run.error["code"]) == ("failed", "gate_missing")
    assert len(team.calls) == 1
    assert any(line.startswith("what to do: install what the gate needs") for line in await shown(shop, run))
    said = await results(shop, run)
    assert [(gate["name"], gate["outcome"]) for gate in said["gates"]] == [("present", "missing")]
    assert "there is no gate 'present'" in said["reason"]
