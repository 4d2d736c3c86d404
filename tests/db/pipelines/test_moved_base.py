"""The base branch goes on while a run works: its change is merged onto it and tested again, or stays."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from app.artifacts import store as artifacts
from app.llm.types import Answer, Call
from app.pipelines import invariants
from app.pipelines.baselines import StoredBaselines
from app.pipelines.environments import Environments
from app.pipelines.orchestrator import PhaseExecutionOrchestrator
from app.pipelines.phases.commit import CommitPhase
from app.pipelines.phases.landing import MOVES
from app.pipelines.pushing import Pusher
from app.pipelines.testing import TestBench, Tested, TestJob
from app.tables import Pipeline
from tests.db.software import REPOSITORY, SHOUT, Shop, Team, code

Act = Callable[[], None]
Files = Mapping[str, str | None]
GREETING = REPOSITORY["shop/greeting.py"]
TITLED = f'"""Greetings."""\n\n\n{GREETING}'


class Meanwhile(Team):
    """A person does something in the repository each time the developer is asked."""

    def __init__(self, *acts: Act, **answers: list[Any]) -> None:
        super().__init__(**answers)
        self._acts = list(acts)

    async def answer(self, call: Call) -> Answer:
        if self._acts:
            self._acts.pop(0)()
        return await super().answer(call)


def commits(shop: Shop, files: Files) -> Act:
    """A person commits these to main; None removes a file."""

    def act() -> None:
        for name, content in files.items():
            path: Path = shop.person.path / name
            if content is None:
                path.unlink()
            else:
                path.parent.mkdir(exist_ok=True)
                path.write_text(content)
        shop.person.git("add", "-A")
        shop.person.git("commit", "-q", "-m", "Go on")

    return act


async def record(shop: Shop, run: Pipeline) -> dict[str, Any]:
    """What the run committed."""
    assert run.state == "succeeded", run.error
    assert await invariants.check(shop.services.database) == []
    async with shop.services.database.transaction() as session:
        return dict((await artifacts.get(session, run.id, "commit")).body)


async def test_a_change_is_merged_onto_the_moved_base_and_tested_there(shop: Shop) -> None:
    await shop.change(on_moved_base="merge")
    run = await shop.run(Meanwhile(commits(shop, {"shop/greeting.py": TITLED}), developer=[code(SHOUT)]))
    made = await record(shop, run)
    assert made["parent"] == shop.person.git("rev-parse", "main")
    assert made["base"] == {"began_with": run.base_commit, "merged": ["shop/greeting.py"]}
    text = shop.person.git("show", f"{made['commit']}:shop/greeting.py")
    assert text.startswith('"""Greetings."""')
    assert ".upper()" in text


async def test_with_keep_the_commit_stays_on_the_commit_that_the_run_began_with(shop: Shop) -> None:
    run = await shop.run(Meanwhile(commits(shop, {"shop/greeting.py": TITLED}), developer=[code(SHOUT)]))
    made = await record(shop, run)
    assert made["parent"] == run.base_commit != shop.person.git("rev-parse", "main")
    assert "base" not in made


async def test_a_clash_goes_back_to_the_developer_with_what_changed(shop: Shop) -> None:
    await shop.change(on_moved_base="merge")
    theirs = GREETING.replace("def greet", "# Also for hosts.\ndef greet")
    ours = SHOUT["shop/greeting.py"].replace("def greet", "# For guests.\ndef greet")
    fitting = SHOUT["shop/greeting.py"].replace("def greet", "# Also for hosts.\ndef greet")
    answers = [code({**SHOUT, "shop/greeting.py": ours}), code({"shop/greeting.py": fitting})]
    team = Meanwhile(commits(shop, {"shop/greeting.py": theirs}), developer=answers)
    made = await record(shop, await shop.run(team))
    told = repr(team.asked("developer")[1])
    assert "both changed the same lines" in told
    assert "+# Also for hosts." in told
    assert made["parent"] == shop.person.git("rev-parse", "main")
    assert "Also for hosts" in shop.person.git("show", f"{made['commit']}:shop/greeting.py")


async def test_tests_that_fail_on_the_moved_base_send_the_work_back(shop: Shop) -> None:
    await shop.change(on_moved_base="merge")
    rule = "from shop.greeting import shout\n\ndef test_ends():\n    assert shout('a')[-1] == '!'\n"
    loud = {
        "shop/greeting.py": SHOUT["shop/greeting.py"].replace("upper()", "upper() + '!'"),
        "tests/test_shout.py": SHOUT["tests/test_shout.py"].replace("HELLO A", "HELLO A!"),
    }
    team = Meanwhile(commits(shop, {"tests/test_rule.py": rule}), developer=[code(SHOUT), code(loud)])
    made = await record(shop, await shop.run(team))
    assert made["parent"] == shop.person.git("rev-parse", "main")
    assert made["base"]["merged"] == []
    assert "test_ends" in repr(team.asked("developer")[1])


async def test_what_can_not_be_merged_names_the_file_and_commits_nothing(shop: Shop) -> None:
    await shop.change(on_moved_base="merge")
    meanwhile = commits(shop, {"tests/test_shout.py/mine.py": "ONE = 1\n"})
    run = await shop.run(Meanwhile(meanwhile, developer=[code(SHOUT)] * 3))
    assert run.state == "failed"
    assert run.error is not None
    assert run.error["phase"] == "commit"
    assert "tests/test_shout.py: there is a folder of that name" in run.error["message"]
    assert shop.person.git("for-each-ref", "refs/heads/workbench") == ""
    assert await invariants.check(shop.services.database) == []


async def test_a_branch_that_goes_on_from_elsewhere_is_not_followed(shop: Shop) -> None:
    await shop.change(on_moved_base="merge")

    def rewrite() -> None:
        shop.person.git("commit", "-q", "--amend", "-m", "Rewritten")

    run = await shop.run(Meanwhile(rewrite, developer=[code(SHOUT)]))
    assert (await record(shop, run))["parent"] == run.base_commit


class Restless(TestBench):
    """While it tests, a person commits."""

    def __init__(self, shop: Shop) -> None:
        sandbox, state = shop.services.sandbox, shop.services.settings.state_dir
        baselines = StoredBaselines(shop.services.database)
        super().__init__(sandbox, Environments(sandbox, state), baselines, {})
        self._shop = shop
        self.tested: list[str] = []

    async def test(self, job: TestJob) -> Tested:
        self.tested.append(job.base_commit)
        commits(self._shop, {f"notes/{len(self.tested)}.md": "Later.\n"})()
        return await super().test(job)


async def test_a_base_that_keeps_moving_is_followed_so_often_and_the_last_one_tested_counts(
    shop: Shop,
) -> None:
    await shop.change(on_moved_base="merge")
    run = await shop.services.pipelines.create("Greet in capitals", definition="tiny", project="shop")
    await shop.services.pipelines.start(run.id)
    commits(shop, {"notes/0.md": "First.\n"})()
    services, bench = shop.services, Restless(shop)
    state = services.settings.state_dir
    kinds = shop.kinds(Team(developer=[code(SHOUT)]))
    kinds["commit"] = CommitPhase(
        services.database, services.renderer, state, bench, Pusher(services.database, shop.access)
    )
    await PhaseExecutionOrchestrator(services.database, kinds, "w").handle(run.id, asyncio.Event())
    made = await record(shop, await services.pipelines.get(run.id))
    assert len(bench.tested) == MOVES
    assert made["parent"] == bench.tested[-1] != shop.person.git("rev-parse", "main")
