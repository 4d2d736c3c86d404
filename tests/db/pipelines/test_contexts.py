"""What a model is shown of a repository that is too large: its map, and parts of long files."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.pipelines import definitions
from app.tables import Event, Pipeline
from tests.db.software import ARCHITECTURE, BROKEN, EPIC, SHOUT, Shop, Team, code, review

GREETING = "shop/greeting.py"
LONG = "import os\n\n" + "".join(f"def job_{n}(day):\n    return {n}\n\n\n" for n in range(900))
LONG += "def greet(name):\n    return f'Hello {name}'\n"
EDIT = {"path": GREETING, "search": "    return f'Hello {name}'\n"}
SHOUTING = {
    **EDIT,
    "replace": "    return f'Hello {name}'\n\n\ndef shout(name):\n    return greet(name).upper()\n",
}


async def contexts(shop: Shop, run: Pipeline) -> list[dict[str, Any]]:
    async with shop.services.database.transaction() as session:
        wanted = select(Event.data).where(Event.pipeline_id == run.id, Event.kind == "context")
        return list((await session.execute(wanted.order_by(Event.seq))).scalars())


def grow(shop: Shop) -> None:
    """A long file that the architect names, and more files than fit."""
    (shop.person.path / GREETING).write_text(LONG)
    for n in range(120):
        text = (
            f'"""Letters to guests."""\n\n\ndef letter_{n}(guest, day):\n    return {n}\n' + "# filler\n" * 80
        )
        (shop.person.path / f"billing/letter_{n}.py").write_text(text)
    shop.person.git("add", ".")
    shop.person.git("commit", "--quiet", "--message", "Grow")


async def test_a_large_repository_is_shown_by_signatures_and_a_long_file_in_parts(shop: Shop) -> None:
    grow(shop)
    answer = code({"tests/test_shout.py": SHOUT["tests/test_shout.py"]}) | {"edits": [SHOUTING]}
    team = Team(pm=[EPIC], architect=[ARCHITECTURE], developer=[answer], qa=[review()])
    async with shop.services.database.transaction() as session:
        software = await definitions.get(session, "software")
        phases = [
            phase.model_copy(update={"limits": phase.limits.model_copy(update={"context_tokens": 6_000})})
            for phase in software.phases
        ]
        changed = software.model_copy(update={"phases": tuple(phases)})
        await definitions.save(session, changed, shop.services.kinds, by_person=True)
    run = await shop.run(team, "software", epic="Greet guests by shout")
    assert (run.state, run.error) == ("succeeded", None)

    told = team.asked("developer")[0].messages[0].content
    assert "def greet(name)" in told
    assert "def job_700" not in told
    assert '(guest, day)"\n' in team.asked("architect")[0].messages[0].content, "a line of the map"
    seen = {data["phase"]: data for data in await contexts(shop, run)}
    assert seen["developer"]["parts"][0].startswith(f"{GREETING}:1-")
    symbols = seen["architect"]["symbols"]
    assert 0 < symbols["shown"] < symbols["total"]
    assert seen["architect"]["left_out"] > 0
    branch = f"workbench/{run.id}"
    assert shop.person.git("diff", "--numstat", f"{branch}~1", branch, "--", GREETING).split()[:2] == [
        "4",
        "0",
    ]


async def test_a_small_repository_is_shown_whole_and_needs_no_map(shop: Shop) -> None:
    run = await shop.run(Team(developer=[code(SHOUT)]))
    [data] = await contexts(shop, run)
    assert data["symbols"] == {"shown": 0, "total": 0}
    assert (data["left_out"], data["parts"]) == (2, []), "the links of the repository"
    assert not (shop.services.settings.state_dir / "maps").exists()


async def test_a_rework_is_told_a_failing_test_once(shop: Shop) -> None:
    team = Team(developer=[code(BROKEN), code(SHOUT)])
    assert (await shop.run(team)).state == "succeeded"
    told = team.asked("developer")[1].messages[0].content
    assert told.count("tests/test_shout.py:4: AssertionError") == 1
    assert "output_tail" not in told
