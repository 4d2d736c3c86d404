"""A developer whose profile writes files as blocks: same artifact, edits of what was shown, faults mended."""

from __future__ import annotations

import json
from typing import Any

from app.artifacts import store as artifacts
from app.artifacts.registry import schema
from app.llm.channels import channel
from app.pipelines import definitions, routing
from app.pipelines.profile import ProfileChange
from app.prompts import store as prompts
from app.prompts.prompt import Prompt
from app.tables import Pipeline
from tests.db.software import BROKEN, SHOUT, Shop, Team, code

GREETING, TEST = "shop/greeting.py", "tests/test_shout.py"
APPEND = """<<<<<<< SEARCH
    return f'Hello {name}'
=======
    return f'Hello {name}'

def shout(name):
    return greet(name).upper()
>>>>>>> REPLACE
"""


def whole(files: dict[str, str]) -> str:
    """The files as a model writes them in blocks."""
    return channel("blocks").write(code(files), schema("DeveloperDeliverable").json_schema())


def edited(edits: str, files: dict[str, str] | None = None) -> str:
    """One edit of the greeting, and whole files."""
    others = files or {}
    manifest = code(others)
    for name in ("files", "test_files"):
        for file in manifest[name]:
            del file["content"]
    blocks = [f"````edit {GREETING}\n{edits}````\n"]
    blocks += [f"````file {path}\n{content}````\n" for path, content in others.items()]
    return f"```json\n{json.dumps(manifest)}\n```\n" + "".join(blocks)


async def in_blocks(shop: Shop, reasks: int = 0) -> Shop:
    """The developer's profile writes blocks; faults are told so often."""
    async with shop.services.database.transaction() as session:
        await routing.change_profile(session, "recorded", ProfileChange(code_channel="blocks"))
        tiny = await definitions.get(session, "tiny")
        first = tiny.phases[0]
        first = first.model_copy(update={"limits": first.limits.model_copy(update={"reasks": reasks})})
        changed = tiny.model_copy(update={"phases": (first, *tiny.phases[1:])})
        await definitions.save(session, changed, shop.services.kinds, by_person=True)
    return shop


async def code_of(shop: Shop, run: Pipeline) -> Any:
    assert (run.state, run.error) == ("succeeded", None)
    async with shop.services.database.transaction() as session:
        return (await artifacts.current(session, run.id))["code"]


async def test_files_in_blocks_become_the_very_artifact_of_the_json_form(shop: Shop) -> None:
    as_json = await code_of(shop, await shop.run(Team(developer=[code(SHOUT)])))
    team = Team(developer=[whole(SHOUT)])
    as_blocks = await code_of(shop, await (await in_blocks(shop)).run(team))
    assert as_blocks == as_json
    assert {file["path"]: file["content"] for file in as_blocks["files"] + as_blocks["test_files"]} == SHOUT


async def test_the_model_is_told_of_blocks_in_place_of_json_and_no_server_is_bound(shop: Shop) -> None:
    as_json, as_blocks = Team(developer=[code(SHOUT)]), Team(developer=[whole(SHOUT)])
    await shop.run(as_json)
    await (await in_blocks(shop)).run(as_blocks)
    [usual], [call] = as_json.calls, as_blocks.calls
    assert (usual.mode, call.mode) == ("grammar", "prompt")
    instructions = channel("blocks").instructions(schema("DeveloperDeliverable").json_schema())
    assert instructions in call.system
    assert "valid JSON matching" in usual.system
    assert "valid JSON matching" not in call.system
    assert "Example: {" not in call.system
    assert call.messages == usual.messages


async def test_a_file_that_was_shown_is_changed_by_an_edit(shop: Shop) -> None:
    team = Team(developer=[edited(APPEND, {TEST: SHOUT[TEST]})])
    body = await code_of(shop, await (await in_blocks(shop)).run(team))
    assert body["files"][0]["content"] == SHOUT[GREETING]


async def test_a_rework_edits_what_the_run_wrote_before(shop: Shop) -> None:
    lines = ["<<<<<<< SEARCH", "    return greet(name).lower()", "=======", "    return greet(name).upper()"]
    mend = "\n".join([*lines, ">>>>>>> REPLACE", ""])
    team = Team(developer=[whole(BROKEN), edited(mend)])
    body = await code_of(shop, await (await in_blocks(shop)).run(team))
    assert body["files"][0]["content"] == SHOUT[GREETING]
    assert [file["path"] for file in body["test_files"]] == [TEST]
    assert [call.mode for call in team.calls] == ["prompt", "prompt"]
    assert "developer whose change was sent back" in team.calls[1].system
    assert "Output first the manifest" in team.calls[1].system


async def test_a_search_text_that_is_not_found_is_told_and_mended(shop: Shop) -> None:
    wrong = edited(APPEND.replace("f'Hello", "f'Hallo", 1), {TEST: SHOUT[TEST]})
    team = Team(developer=[wrong, edited(APPEND, {TEST: SHOUT[TEST]})])
    body = await code_of(shop, await (await in_blocks(shop, reasks=1)).run(team))
    assert body["files"][0]["content"] == SHOUT[GREETING]
    told = team.calls[1].messages
    assert told[1].content == wrong
    assert f"{GREETING}: edit 1: the search text is found 0 times, not once" in told[2].content
    assert "JSON" not in told[2].content


async def test_a_file_outside_of_what_was_shown_can_not_be_edited(shop: Shop) -> None:
    async with (await in_blocks(shop)).services.database.transaction() as session:
        tiny = await definitions.get(session, "tiny")
        first = tiny.phases[0]
        blind = first.model_copy(update={"limits": first.limits.model_copy(update={"context_tokens": 0})})
        changed = tiny.model_copy(update={"phases": (blind, *tiny.phases[1:])})
        await definitions.save(session, changed, shop.services.kinds, by_person=True)
    run = await shop.run(Team(developer=[edited(APPEND, {TEST: SHOUT[TEST]})]))
    assert run.error is not None
    assert run.error["code"] == "invalid_answer"
    assert f"{GREETING}: it was not shown to you, so it can not be edited" in run.error["message"]


async def test_a_prompt_that_does_not_use_blocks_is_answered_in_json(shop: Shop) -> None:
    async with (await in_blocks(shop)).services.database.transaction() as session:
        text = Prompt("developer", "You are somebody else. {{ schema }}", "Go", ("schema",))
        row = await prompts.add(session, text, message="Another voice", by="Ada")
        await prompts.move_label(session, "developer", prompts.PRODUCTION, row.version, by="Ada")
    team = Team(developer=[code(SHOUT)])
    await code_of(shop, await shop.run(team))
    assert team.calls[0].mode == "grammar"
    assert team.calls[0].system.startswith("You are somebody else. {")
