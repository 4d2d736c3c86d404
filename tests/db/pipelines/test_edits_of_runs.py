"""A long file is changed by a few lines: in the answer, and in the commit."""

from __future__ import annotations

import json
from typing import Any

from app.pipelines import definitions
from tests.db.software import SHOUT, Shop, Team, code

RATES = "shop/rates.py"
LONG = "RATES = {\n" + "".join(f"    'land {number:04}': {number % 30},\n" for number in range(1_998)) + "}\n"
OLD, NEW = "    'land 0777': 27,\n", "    'land 0777': 19,\n"
TEST = {
    "tests/test_rates.py": """from shop.rates import RATES

def test_rate():
    assert RATES['land 0777'] == 19
"""
}


def edit(search: str = OLD, replace: str = NEW) -> dict[str, Any]:
    return code(TEST) | {"edits": [{"path": RATES, "search": search, "replace": replace}]}


async def with_a_long_file(shop: Shop, reasks: int = 0) -> Shop:
    (shop.person.path / RATES).write_text(LONG)
    shop.person.git("add", ".")
    shop.person.git("commit", "--quiet", "--message", "Add rates")
    async with shop.services.database.transaction() as session:
        tiny = await definitions.get(session, "tiny")
        limits = tiny.phases[0].limits.model_copy(update={"reasks": reasks, "context_tokens": 24_000})
        first = tiny.phases[0].model_copy(update={"limits": limits})
        changed = tiny.model_copy(update={"phases": (first, *tiny.phases[1:])})
        await definitions.save(session, changed, shop.services.kinds, by_person=True)
    return shop


async def test_a_file_of_2000_lines_is_changed_by_a_short_answer_and_a_short_commit(shop: Shop) -> None:
    answer = edit()
    run = await (await with_a_long_file(shop)).run(Team(developer=[answer]))
    assert (run.state, run.error) == ("succeeded", None)
    assert LONG.count("\n") == 2_000
    assert len(json.dumps(answer)) < 600
    branch = f"workbench/{run.id}"
    assert shop.person.git("diff", "--numstat", f"{branch}~1", branch, "--", RATES).split() == [
        "1",
        "1",
        RATES,
    ]
    assert shop.person.git("show", f"{branch}:{RATES}") == LONG.replace(OLD, NEW).strip()


async def test_the_nearest_match_of_a_wrong_edit_is_told_and_mended(shop: Shop) -> None:
    team = Team(developer=[edit(OLD.replace(": 27", ":27")), edit()])
    run = await (await with_a_long_file(shop, reasks=1)).run(team)
    assert (run.state, run.error) == ("succeeded", None)
    told = team.calls[1].messages[-1].content
    assert "nearest are the lines 779 to 779" in told
    assert "': 27," in told, "the line as it is"


async def test_a_file_of_2000_lines_is_not_taken_whole_for_one_changed_line(shop: Shop) -> None:
    team = Team(developer=[code({RATES: LONG.replace(OLD, NEW), **TEST}), edit()])
    run = await (await with_a_long_file(shop, reasks=1)).run(team)
    assert (run.state, run.error) == ("succeeded", None)
    assert (
        "it has 2,000 lines, and most of them stay; change it by edits" in team.calls[1].messages[-1].content
    )


async def test_a_rework_edits_what_the_run_wrote_before_in_json_too(shop: Shop) -> None:
    broken = {path: text.replace(".upper()", ".lower()") for path, text in SHOUT.items()}
    mend = {"path": "shop/greeting.py", "search": "    return greet(name).lower()"}
    mended = code({}) | {"edits": [mend | {"replace": "    return greet(name).upper()"}]}
    run = await shop.run(Team(developer=[code(broken), mended]))
    assert (run.state, run.error) == ("succeeded", None)
    assert (
        shop.person.git("show", f"workbench/{run.id}:shop/greeting.py") == SHOUT["shop/greeting.py"].strip()
    )
