"""A phase of kind map asks for each component on its own, and joins the answers to one artifact."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import select

from app.artifacts import store as artifacts
from app.errors import Invalid
from app.llm.types import Answer, Call
from app.pipelines import definitions
from app.pipelines.definition import Definition, Phase
from app.tables import Event, Pipeline, PromptUsage
from tests.db.software import ARCHITECTURE, SHOUT, Shop, Team, code

GREETING, TEST = SHOUT
PARTS = {"greeting": {GREETING: SHOUT[GREETING]}, "its test": {TEST: SHOUT[TEST]}}
MAPPED: dict[str, Any] = {
    "kind": "map",
    "inputs": ("architecture",),
    "limits": {"reasks": 1},
    "settings": {"over": "architecture.components", "concurrency": 2},
}


def component(name: str, path: str) -> dict[str, Any]:
    return {**ARCHITECTURE["components"][0], "name": name, "file_path": path}


def architecture(*names: str) -> dict[str, Any]:
    return {**ARCHITECTURE, "components": [component(name, f"shop/{name}.py") for name in names]}


class Parts(Team):
    """Answers each item from its own list; the first answers are given back once all items have asked."""

    def __init__(self, items: Mapping[str, list[Any]], together: int = 1, **phases: list[Any]) -> None:
        super().__init__(**phases)
        self._items = {name: list(given) for name, given in items.items()}
        self._gate = asyncio.Barrier(together)
        self._waiting = together
        self.at_once = self.most_at_once = 0
        self.hanging = asyncio.Event()
        self._never = ""

    def asks_for_ever(self, item: str) -> None:
        """That item gets no answer."""
        self._never = item

    async def answer(self, call: Call) -> Answer:
        if call.key.round:
            self._answers[call.key.phase] = self._answers["rework"]
        if not call.key.item:
            return await super().answer(call)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        if self._waiting:
            self._waiting -= 1
            await self._gate.wait()
        if call.key.item == self._never:
            self.hanging.set()
            await asyncio.Event().wait()
        self._answers[call.key.phase] = [self._items[call.key.item].pop(0)]
        try:
            return await super().answer(call)
        finally:
            self.at_once -= 1


async def mapped(shop: Shop, **settings: Any) -> Shop:
    """architect → developer (map) → test → commit."""
    async with shop.services.database.transaction() as session:
        tiny = await definitions.get(session, "tiny")
        software = await definitions.get(session, "software")
        architect = software.phases[1].model_copy(update={"inputs": ()})
        changes = {**MAPPED, "settings": {**MAPPED["settings"], **settings}}
        developer = Phase.model_validate({**tiny.phases[0].model_dump(by_alias=True), **changes})
        whole = Definition(
            name="mapped", description="One call each", phases=(architect, developer, *tiny.phases[1:])
        )
        await definitions.save(session, whole, shop.services.kinds, by_person=True)
    return shop


async def code_of(shop: Shop, run: Pipeline) -> dict[str, str]:
    async with shop.services.database.transaction() as session:
        body = (await artifacts.current(session, run.id))["code"]
    return {file["path"]: file["content"] for name in ("files", "test_files") for file in body[name]}


async def test_each_component_is_asked_for_and_the_files_are_one_artifact(shop: Shop) -> None:
    team = Parts({name: [code(files)] for name, files in PARTS.items()}, 2, architect=[architecture(*PARTS)])
    run = await (await mapped(shop)).run(team, "mapped")
    assert (run.state, run.error) == ("succeeded", None)
    assert await code_of(shop, run) == SHOUT
    assert sorted(call.key.item for call in team.asked("developer")) == sorted(PARTS)


async def test_no_more_questions_are_under_way_than_the_phase_allows(shop: Shop) -> None:
    names = [f"part {number}" for number in range(5)]
    files = {name: [code({f"shop/{name[-1]}.py": "X = 1\n"})] for name in names}
    files["part 0"] = [code(SHOUT)]
    team = Parts(files, 2, architect=[architecture(*names)])
    run = await (await mapped(shop)).run(team, "mapped")
    assert run.state == "succeeded"
    assert team.most_at_once == 2


async def test_the_ledger_and_the_events_name_the_items(shop: Shop) -> None:
    team = Parts({name: [code(files)] for name, files in PARTS.items()}, architect=[architecture(*PARTS)])
    run = await (await mapped(shop)).run(team, "mapped")
    async with shop.services.database.transaction() as session:
        items = await session.scalars(
            select(PromptUsage.item).where(
                PromptUsage.pipeline_id == run.id, PromptUsage.phase == "developer"
            )
        )
        told = await session.scalars(
            select(Event).where(Event.pipeline_id == run.id, Event.kind == "item").order_by(Event.seq)
        )
        assert sorted(items) == sorted(PARTS)
        assert [(event.data["number"], event.data["of"]) for event in told] == [(1, 2), (2, 2)]


async def test_what_the_finished_items_cost_is_not_paid_again_after_a_crash(shop: Shop) -> None:
    shop = await mapped(shop)
    team = Parts({"greeting": [code(PARTS["greeting"])]}, architect=[architecture(*PARTS)])
    run = await shop.services.pipelines.create("Greet in capitals", definition="mapped", project="shop")
    await shop.services.pipelines.start(run.id)
    walking = asyncio.create_task(shop.walk(run, team))
    team.asks_for_ever("its test")
    async with asyncio.timeout(30):
        await team.hanging.wait()
        await told_of_an_item(shop, run)
    walking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await walking
    async with shop.services.database.connection() as connection:
        await connection.execute("UPDATE pipelines SET lease_expires_at = now() - interval '1 s'")
    other = Parts({"its test": [code(PARTS["its test"])]})
    await shop.walk(run, other)
    assert (await shop.services.pipelines.get(run.id)).state == "succeeded"
    assert [call.key.item for call in other.calls] == ["its test"]


async def told_of_an_item(shop: Shop, run: Pipeline) -> None:
    while True:
        async with shop.services.database.transaction() as session:
            if await session.scalar(select(Event).where(Event.pipeline_id == run.id, Event.kind == "item")):
                return
        await asyncio.sleep(0.02)


async def test_two_items_that_write_one_file_are_an_error_that_names_both(shop: Shop) -> None:
    other = {GREETING: "def greet(name):\n    return name\n"}
    team = Parts(
        {"greeting": [code(SHOUT)], "parting": [code(other)]}, architect=[architecture("greeting", "parting")]
    )
    run = await (await mapped(shop)).run(team, "mapped")
    assert run.state == "failed"
    assert run.error is not None
    assert run.error["code"] == "items_conflict"
    assert f"'greeting' and 'parting' both write {GREETING}" in run.error["message"]


async def test_the_same_file_from_two_items_is_one_file(shop: Shop) -> None:
    team = Parts(
        {"greeting": [code(SHOUT)], "twin": [code({TEST: SHOUT[TEST]})]},
        architect=[architecture("greeting", "twin")],
    )
    run = await (await mapped(shop)).run(team, "mapped")
    assert await code_of(shop, run) == SHOUT


async def test_an_item_whose_path_is_refused_is_told_so_alone(shop: Shop) -> None:
    bad = code({**PARTS["greeting"], "../out.py": "X = 1\n"})
    team = Parts(
        {"greeting": [bad, code(PARTS["greeting"])], "its test": [code(PARTS["its test"])]},
        architect=[architecture(*PARTS)],
    )
    with shop.untouched():
        run = await (await mapped(shop)).run(team, "mapped")
    assert run.state == "succeeded"
    assert [call.key.item for call in team.asked("developer")].count("its test") == 1


async def test_work_that_is_sent_back_is_mended_as_one(shop: Shop) -> None:
    broken = {GREETING: SHOUT[GREETING].replace(".upper()", ".lower()")}
    team = Parts(
        {"greeting": [code(broken)], "its test": [code(PARTS["its test"])]},
        architect=[architecture(*PARTS)],
        rework=[code(PARTS["greeting"])],
    )
    run = await (await mapped(shop)).run(team, "mapped")
    assert (run.state, run.round) == ("succeeded", 1)
    assert await code_of(shop, run) == SHOUT


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"over": "components"}, r"settings\.over"),
        ({"over": "epic.user_stories"}, "none of the phase's inputs"),
        ({"concurrency": 0}, r"settings\.concurrency"),
        ({"speed": 1}, r"settings\.speed"),
    ],
)
async def test_settings_that_can_not_work_are_refused_when_saved(
    shop: Shop, given: dict[str, Any], said: str
) -> None:
    with pytest.raises(Invalid, match=said):
        await mapped(shop, **given)
