"""Phases of kind `command` and `browser` on the files of a run, and who may write a definition with them."""

from __future__ import annotations

from typing import Any

import pytest

from app.artifacts import store as artifacts
from app.errors import Invalid
from app.pipelines import definitions
from app.pipelines.definition import Definition
from app.services import Services
from app.tables import State
from tests.db.software import SHOUT, Shop, Team, code

COMMAND = {
    "name": "check",
    "kind": "command",
    "artifact": "checked",
    "schema": "CommandResult",
    "on_reject": "developer",
    "max_rework": 1,
}
BROWSER = {**COMMAND, "kind": "browser", "schema": "BrowserReport"}


async def lane(services: Services, phase: dict[str, Any], **settings: Any) -> None:
    """developer, then the phase with these settings."""
    async with services.database.transaction() as session:
        small = await definitions.get(session, "software-small")
        first = small.phases[0].model_dump(by_alias=True)
        body = {
            "name": "lane",
            "description": "Two phases",
            "phases": [first, phase | {"settings": settings}],
        }
        await definitions.save(session, Definition.model_validate(body), services.kinds, by_person=True)


async def test_a_command_sees_the_files_of_the_run_and_its_end_is_that_of_the_phase(shop: Shop) -> None:
    script = "import shop.greeting as g; print(g.shout('a'))"
    await lane(shop.services, COMMAND, argv=["{python}", "-c", script])
    broken = {"shop/greeting.py": "def greet(name): return name\n"}
    team = Team(developer=[code(broken), code(SHOUT)])
    with shop.untouched():
        run = await shop.run(team, "lane")
    assert run.state == State.SUCCEEDED
    async with shop.services.database.transaction() as session:
        good, bad = [row.body for row in await artifacts.versions(session, run.id, "checked")]
    assert (good["outcome"], good["exit_code"], good["output_tail"]) == ("passed", 0, "HELLO A\n")
    assert (bad["outcome"], bad["exit_code"], bad["ended"]) == ("failed", 1, "exit")
    assert "has no attribute 'shout'" in team.asked("developer")[1].messages[-1].content


@pytest.mark.parametrize(
    ("phase", "given", "place"),
    [
        (COMMAND, {}, "settings.argv"),
        (COMMAND, {"argv": []}, "settings.argv"),
        (COMMAND, {"argv": ["true"], "network": True}, "settings.network"),
        (BROWSER, {"wait_ms": -1}, "settings.wait_ms"),
        (COMMAND | {"schema": "TestResults"}, {"argv": ["true"]}, "makes is a CommandResult"),
        (BROWSER | {"schema": "TestResults"}, {}, "makes is a BrowserReport"),
    ],
)
async def test_what_such_a_phase_can_not_be_is_refused_when_it_is_saved(
    services: Services, phase: dict[str, Any], given: dict[str, Any], place: str
) -> None:
    with pytest.raises(Invalid) as refused:
        await lane(services, phase, **given)
    assert place in refused.value.message
