"""What becomes of a model's answers on somebody else's repository: right, wrong and hostile ones."""

from __future__ import annotations

from typing import Any

import pytest

from app.artifacts import store as artifacts
from app.llm.errors import Refused, Truncated
from app.tables import Pipeline
from app.usage import reports
from tests.db.software import BROKEN, SHOUT, Shop, Team, code, review


def branch(run: Pipeline) -> str:
    return f"workbench/{run.id}"


async def test_a_right_answer_becomes_one_tested_commit_and_nothing_else(shop: Shop) -> None:
    with shop.untouched():
        run = await shop.run(Team(developer=[code(SHOUT)]))
    assert (run.state, run.error) == ("succeeded", None)
    assert shop.person.git("rev-list", "--count", f"main..{branch(run)}") == "1"
    assert shop.person.git("diff", "--name-only", f"main..{branch(run)}").split() == sorted(SHOUT)
    assert shop.person.git("show", f"{branch(run)}:shop/greeting.py") + "\n" == SHOUT["shop/greeting.py"]
    message = shop.person.git("log", "-1", "--format=%B", branch(run))
    assert message.splitlines()[0] == "Greet in capitals"
    assert f"Run-Id: {run.id}" in message
    assert "Prompt-Versions: developer@1\n" in message
    assert "Cost: $0.0000" in message


async def test_the_commit_is_recorded_with_its_files(shop: Shop) -> None:
    run = await shop.run(Team(developer=[code(SHOUT)]))
    async with shop.services.database.transaction() as session:
        kept = await artifacts.current(session, run.id)
    assert kept["commit"]["commit"] == shop.person.git("rev-parse", branch(run))
    assert kept["commit"]["parent"] == run.base_commit
    assert {file["path"]: file["status"] for file in kept["commit"]["files"]} == {
        "shop/greeting.py": "M",
        "tests/test_shout.py": "A",
    }
    assert (kept["test_results"]["outcome"], kept["test_results"]["tests"]) == ("passed", 3)


async def test_a_wrong_answer_is_never_committed_and_the_reason_is_named(shop: Shop) -> None:
    with shop.untouched():
        run = await shop.run(Team(developer=[code(BROKEN), code(BROKEN)]))
    assert run.state == "failed"
    assert run.error is not None
    assert (run.error["phase"], run.error["code"]) == ("test", "rejected")
    assert "test_shouts" in run.error["message"]
    assert branch(run) not in shop.person.branches()
    assert (shop.workspace(run) / "tests" / "test_shout.py").exists()


async def test_a_rework_mends_what_failed_and_only_the_mended_code_is_committed(shop: Shop) -> None:
    mended = {"shop/greeting.py": SHOUT["shop/greeting.py"]}
    team = Team(developer=[code(BROKEN), code(mended)])
    run = await shop.run(team)
    assert run.state == "succeeded"
    assert shop.person.git("show", f"{branch(run)}:shop/greeting.py") + "\n" == SHOUT["shop/greeting.py"]
    assert "tests/test_shout.py" in shop.person.files(branch(run))


GOOD_FILE = {"shop/new.py": "NEW = 1\n"}
PATHS = {
    "outside": "../outside.py",
    "far outside": "shop/../../../outside.py",
    "absolute": "/tmp/outside.py",
    "git": ".git/hooks/pre-commit",
    "git in other letters": "shop/.GIT/config",
    "a link that leads outside": "link/outside.py",
    "a link that leads inside": "inside/more.py",
    "the link itself": "link",
    "a control file": "conftest.py",
    "a backslash": "shop\\new.py",
    "a device": "shop/NUL",
    "a folder": "shop",
}


CASES = dict(zip(PATHS, (1, 1, 2, 5, 5, 10, 10, 10, 9, 3, 16, 13), strict=True))


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=pytest.mark.abuse(case)) for path, case in CASES.items()],
)
async def test_a_path_that_no_run_may_write_is_refused_and_no_file_of_the_answer_lands(
    shop: Shop, path: str
) -> None:
    with shop.untouched():
        run = await shop.run(Team(developer=[code({**GOOD_FILE, PATHS[path]: "evil = 1\n"})]))
    assert_refused(shop, run, "invalid_answer", "refused to write")


TEXTS: dict[str, tuple[Any, str, str]] = {
    "prose": ("Sure! I would add a function.", "invalid_answer", "Expecting value"),
    "cut off": (Truncated("the answer hit its limit"), "truncated", "hit its limit"),
    "a refusal": (Refused("I will not"), "refused", "I will not"),
    "half a document": ('{"files": [{"path": "shop/new.py", "content": "NEW', "invalid_answer", ""),
    "another document": ({"files": "all of them"}, "invalid_answer", "files"),
    "a file twice": (
        {**code(GOOD_FILE), "test_files": code({"SHOP/new.py": "NEW = 2\n"})["files"]},
        "invalid_answer",
        "each path once",
    ),
    "no files": (code({}), "invalid_answer", "at least one file"),
    "a huge file": (code({**GOOD_FILE, "shop/big.py": "#" * 3_000_000}), "invalid_answer", ""),
    "too many files": (
        code({f"shop/f{n}.py": "" for n in range(201)}),
        "invalid_answer",
        "at most 200 files",
    ),
    "a character that is none": (
        '{"files": [{"path": "shop/new.py", "content": "\\ud800"}]}',
        "invalid_answer",
        "",
    ),
}


@pytest.mark.abuse(39)
@pytest.mark.parametrize("text", TEXTS)
async def test_an_answer_that_is_no_answer_fails_the_run_with_a_typed_error(shop: Shop, text: str) -> None:
    answer, error, message = TEXTS[text]
    asked = 2 if isinstance(answer, Exception) else 1  # what was cut off or refused is asked once more
    with shop.untouched():
        run = await shop.run(Team(developer=[answer] * asked))
    assert_refused(shop, run, error, message)
    async with shop.services.database.transaction() as session:
        assert [row.outcome for row in await reports.calls(session, run.id)] == [error] * asked


def assert_refused(shop: Shop, run: Pipeline, code_: str, message: str) -> None:
    assert run.state == "failed"
    assert run.error is not None
    assert (run.error["phase"], run.error["code"]) == ("developer", code_)
    assert message in run.error["message"]
    assert branch(run) not in shop.person.branches()
    assert not (shop.workspace(run) / "shop" / "new.py").exists()


async def test_a_refused_path_is_told_to_the_model_and_its_next_answer_wins(shop: Shop) -> None:
    team = Team(developer=[code({"../x.py": "x = 1\n"}), code(SHOUT)], qa=[review()])
    run = await shop.run(team, "software-small")
    assert run.state == "succeeded"
    first, second = team.asked("developer")
    assert "../x.py" in second.messages[1].content
    assert "unsafe_path" in second.messages[2].content
    assert first.system == second.system
    async with shop.services.database.transaction() as session:
        assert [row.outcome for row in await reports.calls(session, run.id)] == ["not_accepted", "ok", "ok"]


@pytest.mark.abuse(74)
async def test_tests_that_do_something_hostile_reach_nothing_of_the_person(shop: Shop) -> None:
    hostile = f"""
import os, pathlib

def test_reaches_out():
    for place in ({str(shop.canary)!r}, {str(shop.person.path)!r}):
        try:
            (pathlib.Path(place) / "evil.txt").write_text("evil")
        except OSError:
            pass
    print("nul \\0 and \\x1b[31m")
    assert not os.environ.get("WORKBENCH_DATABASE_URL")
"""
    with shop.untouched():
        run = await shop.run(Team(developer=[code({**SHOUT, "tests/test_evil.py": hostile})]))
    assert run.state == "succeeded"


async def test_a_review_that_passes_while_the_counts_disagree_is_asked_again(shop: Shop) -> None:
    team = Team(developer=[code(SHOUT)], qa=[review(failures=2), review()])
    run = await shop.run(team, "software-small")
    assert run.state == "succeeded"
    assert "the test run counted 0" in team.asked("qa")[1].messages[-1].content
