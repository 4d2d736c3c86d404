"""A page in stages: each phase sees the page of the one before, adds to it, and can be begun again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.artifacts import store as artifacts
from app.cli.given_json import read_code
from app.errors import Invalid
from app.pipelines import definitions
from app.pipelines.comparison import figures_of
from app.pipelines.definition import Definition, Phase
from app.pipelines.retrying import Again
from app.tables import Pipeline
from tests.db.software import Shop, Team, code

STAGES = ("shapes", "motion", "whole")


def page(*parts: str) -> str:
    return "".join(f"<!-- {part} -->\n" for part in parts)


def staged(name: str, words: str) -> Definition:
    """Three stages with one prompt and an instruction each."""
    phases = [
        Phase.model_validate(
            {
                "name": stage,
                "kind": "llm",
                "role": "stage",
                "route": "code",
                "artifact": "code",
                "schema": "DeveloperDeliverable",
                "apply": "workspace",
                "settings": {"instruction": f"{words} for {stage}"},
                "limits": {"reasks": 0},
            }
        )
        for stage in STAGES
    ]
    return Definition(name=name, description="A page in three stages", phases=tuple(phases))


async def prepared(shop: Shop, *names: str) -> Shop:
    async with shop.services.database.transaction() as session:
        for name in names:
            await definitions.save(session, staged(name, name), shop.services.kinds, by_person=True)
    return shop


async def page_of(shop: Shop, run: Pipeline) -> str:
    async with shop.services.database.transaction() as session:
        body = (await artifacts.current(session, run.id))["code"]
    return str(body["files"][0]["content"])


def answers(*stages: str) -> dict[str, list[Any]]:
    """Each stage answers with the page that has all parts up to its own."""
    done = {stage: STAGES[: STAGES.index(stage) + 1] for stage in stages}
    return {stage: [code({"index.html": page(*parts)})] for stage, parts in done.items()}


async def test_each_stage_sees_the_page_of_the_one_before_and_its_own_instruction(shop: Shop) -> None:
    team = Team(**answers(*STAGES))
    run = await (await prepared(shop, "prose")).run(team, "prose")
    assert (run.state, run.error) == ("succeeded", None)
    assert await page_of(shop, run) == page(*STAGES)
    tasks = {call.key.phase: call.messages[0].content for call in team.calls}
    before = {"motion": page("shapes"), "whole": page("shapes", "motion")}
    shown = {stage: json.dumps({"path": "index.html", "content": text}) for stage, text in before.items()}
    assert all(shown[stage].replace(": ", ":").replace(", ", ",") in tasks[stage] for stage in shown)
    assert "index.html" not in tasks["shapes"].partition("</repository>")[0]
    assert [f"prose for {stage}" in tasks[stage] for stage in STAGES] == [True, True, True]


async def test_a_stage_is_begun_again_with_a_file_of_a_person(shop: Shop, tmp_path: Any) -> None:
    shop = await prepared(shop, "prose")
    first = await shop.run(Team(**answers(*STAGES)), "prose")
    mine = tmp_path / "mine.html"
    mine.write_text(page("mine"))
    again = Again("motion", {"code": read_code([f"index.html=@{mine}"])}, "me")
    run = await shop.services.pipelines.retry(first.id, again)
    await shop.services.pipelines.start(run.id)
    team = Team(**answers("motion", "whole"))
    await shop.walk(run, team)
    assert page("mine").strip() in team.calls[0].messages[0].content
    assert [call.key.phase for call in team.calls] == ["motion", "whole"]


async def test_variants_of_one_epic_stand_in_one_report(shop: Shop) -> None:
    shop = await prepared(shop, "prose", "formulas")
    runs = [await shop.run(Team(**answers(*STAGES)), name) for name in ("prose", "formulas")]
    async with shop.services.database.transaction() as session:
        found = await figures_of(session, [run.id for run in runs])
    assert [figures.run.definition for figures in found] == ["prose", "formulas"]
    assert [figures.at_once for figures in found] == [3, 3]
    assert [[phase.name for phase in figures.phases] for figures in found] == [list(STAGES)] * 2
    assert [figures.total.tokens.output for figures in found] == [15, 15]


@pytest.mark.parametrize("ids", [1, 2], ids=["one alone", "one twice"])
async def test_a_report_needs_two_runs(shop: Shop, ids: int) -> None:
    run = await (await prepared(shop, "prose")).run(Team(**answers(*STAGES)), "prose")
    async with shop.services.database.transaction() as session:
        with pytest.raises(Invalid):
            await figures_of(session, [run.id] * ids)


def test_an_injected_file_says_where_it_goes() -> None:
    with pytest.raises(Invalid, match="PATH=@FILE"):
        read_code(["index.html"])
    with pytest.raises(Invalid, match="can not be read"):
        read_code(["index.html=@/nowhere"])
