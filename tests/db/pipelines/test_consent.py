"""What a person has to agree to before the files of an answer are written, and for which content."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
import pytest_asyncio

from app.pipelines import definitions, events, projects, waits
from app.pipelines.projects import ProjectDraft
from app.pipelines.waits import Verdict
from app.tables import Decision, Event, Pipeline, Target, Wait
from tests.db.software import SHOUT, Shop, Team, code

EPIC = "Greet in capitals"
CONFTEST = {"tests/conftest.py": "import pytest\n"}
OTHER = {"tests/conftest.py": "import os\n"}


@dataclass
class Lane:
    """A lane whose developer may write three control files, once somebody agrees."""

    shop: Shop

    async def walk(self, team: Team, run: Pipeline | None = None) -> Pipeline:
        if run is None:
            run = await self.shop.services.pipelines.create(EPIC, definition="tiny", project="shop")
            await self.shop.services.pipelines.start(run.id)
        await self.shop.walk(run, team)
        return await self.shop.services.pipelines.get(run.id)

    async def waits(self, run: Pipeline) -> Sequence[Wait]:
        async with self.shop.services.database.transaction() as session:
            return await waits.of_run(session, run.id)

    async def open(self, run: Pipeline) -> Wait:
        [wait] = [one for one in await self.waits(run) if one.decision == Decision.OPEN]
        return wait

    async def grant(self, run: Pipeline) -> None:
        wait = await self.open(run)
        await self.shop.services.pipelines.decide(
            run.id, Verdict(True, "ada", content_sha256=wait.content_sha256)
        )

    async def refuse(self, run: Pipeline, comment: str) -> None:
        await self.shop.services.pipelines.decide(run.id, Verdict(False, "ada", comment))

    async def events(self, run: Pipeline, kind: str) -> list[Event]:
        async with self.shop.services.database.transaction() as session:
            return [one for one in await events.since(session, run.id, 0) if one.kind == kind]

    def committed(self, run: Pipeline) -> list[str]:
        return self.shop.person.git("diff", "--name-only", "main", f"workbench/{run.id}").splitlines()


@pytest_asyncio.fixture
async def lane(shop: Shop) -> Lane:
    await permit(shop, reasks=1)
    return Lane(shop)


async def permit(shop: Shop, **limits: object) -> None:
    """The definition permits three control files; the project, none."""
    services = shop.services
    await projects.save(
        services.database, ProjectDraft(name="shop", path=str(shop.person.path), python=sys.executable)
    )
    async with services.database.transaction() as session:
        tiny = await definitions.get(session, "tiny")
        developer = tiny.phases[0]
        changed = developer.model_copy(
            update={
                "permits": ("conftest.py", ".github/workflows/ci.yml", ".gitattributes"),
                "limits": developer.limits.model_copy(update=limits),
            }
        )
        await definitions.save_phase(session, "tiny", "developer", changed, services.kinds)


@pytest.mark.abuse(9)
async def test_a_control_file_is_committed_once_a_person_approved_it_and_nothing_is_paid_twice(
    lane: Lane,
) -> None:
    team = Team(developer=[code({**SHOUT, **CONFTEST})])
    run = await lane.walk(team)
    assert (run.state, run.reason) == ("waiting", "approval")
    assert not lane.shop.workspace(run).joinpath("tests/conftest.py").exists()
    wait = await lane.open(run)
    assert (wait.subject, wait.phase) == ("developer:control_files", "developer")
    assert wait.details["files"] == [{"path": "tests/conftest.py", "is_new": True, "added": 1, "removed": 0}]
    assert "+++ b/tests/conftest.py" in wait.details["diff"]
    assert "greeting" not in wait.details["diff"], "only what has to be agreed to"
    await lane.grant(run)
    run = await lane.walk(team, run)
    assert (run.state, run.error) == ("succeeded", None)
    assert lane.committed(run) == ["shop/greeting.py", "tests/conftest.py", "tests/test_shout.py"]
    assert len(team.calls) == 1


OTHERS = [
    pytest.param(".gitattributes", marks=pytest.mark.abuse(7)),
    pytest.param(".github/workflows/ci.yml", marks=pytest.mark.abuse(8)),
]


@pytest.mark.parametrize("path", OTHERS)
async def test_what_steers_git_or_ci_waits_in_the_same_way(lane: Lane, path: str) -> None:
    run = await lane.walk(Team(developer=[code({**SHOUT, path: "# nothing\n"})]))
    assert [file["path"] for file in (await lane.open(run)).details["files"]] == [path]
    assert not lane.shop.workspace(run).joinpath(path).exists()


@pytest.mark.abuse(9)
async def test_what_permits_nothing_asks_nobody_and_refuses(shop: Shop) -> None:
    run = await Lane(shop).walk(Team(developer=[code({**SHOUT, **CONFTEST})]))
    assert run.error is not None
    assert "unsafe_path: refused to write 'tests/conftest.py'" in run.error["message"]
    assert await Lane(shop).waits(run) == []


@pytest.mark.abuse(9)
async def test_the_projects_own_permission_needs_the_approval_too(shop: Shop) -> None:
    draft = ProjectDraft(
        name="shop", path=str(shop.person.path), python=sys.executable, permitted_paths=("conftest.py",)
    )
    await projects.save(shop.services.database, draft)
    run = await Lane(shop).walk(Team(developer=[code({**SHOUT, **CONFTEST})]))
    assert (run.state, run.reason) == ("waiting", "approval")


async def test_a_control_file_that_stays_as_it_is_needs_no_approval(lane: Lane) -> None:
    person = lane.shop.person
    (person.path / "conftest.py").write_text("import pytest\n")
    person.git("add", "conftest.py")
    person.git("commit", "-q", "-m", "Configure")
    run = await lane.walk(Team(developer=[code({**SHOUT, "conftest.py": "import pytest\r\n"})]))
    assert run.state == "succeeded"
    assert "conftest.py" not in lane.committed(run)


async def test_a_refusal_goes_to_the_model_with_the_comment_and_its_next_answer_counts(lane: Lane) -> None:
    team = Team(developer=[code({**SHOUT, **CONFTEST}), code(SHOUT)])
    run = await lane.walk(team)
    await lane.refuse(run, "leave the fixtures alone")
    run = await lane.walk(team, run)
    assert run.state == "succeeded"
    assert "tests/conftest.py" not in lane.committed(run)
    told = team.calls[-1].messages[-1].content
    assert "ada did not approve the change of tests/conftest.py: leave the fixtures alone" in told
    assert len(team.calls) == 2


async def test_another_content_after_a_refusal_is_asked_for_anew(lane: Lane) -> None:
    team = Team(developer=[code({**SHOUT, **CONFTEST}), code({**SHOUT, **OTHER})])
    run = await lane.walk(team)
    first = await lane.open(run)
    await lane.refuse(run, "no")
    run = await lane.walk(team, run)
    second = await lane.open(run)
    assert second.content_sha256 != first.content_sha256
    await lane.grant(run)
    run = await lane.walk(team, run)
    assert run.state == "succeeded"
    assert lane.shop.person.git("show", f"workbench/{run.id}:tests/conftest.py") == "import os"
    assert len(team.calls) == 2


async def test_a_model_that_insists_fails_the_run_with_what_was_refused(lane: Lane) -> None:
    stubborn = code({**SHOUT, **CONFTEST})
    team = Team(developer=[stubborn, stubborn])
    run = await lane.walk(team)
    await lane.refuse(run, "no")
    run = await lane.walk(team, run)
    assert run.error is not None
    assert (run.state, run.error["code"]) == ("failed", "invalid_answer")
    assert "approval_refused: ada did not approve the change of tests/conftest.py: no" in run.error["message"]
    assert run.id.hex not in "".join(lane.shop.person.branches())


async def test_a_rework_that_leaves_the_approved_file_alone_asks_nobody_again(lane: Lane) -> None:
    broken = {**SHOUT, "shop/greeting.py": SHOUT["shop/greeting.py"].replace(".upper()", "")}
    team = Team(
        developer=[
            code({**broken, **CONFTEST}),
            code({"shop/greeting.py": SHOUT["shop/greeting.py"]}),
        ]
    )
    run = await lane.walk(team)
    await lane.grant(run)
    run = await lane.walk(team, run)
    assert (run.state, run.round) == ("succeeded", 1)
    assert "tests/conftest.py" in lane.committed(run)
    assert len(await lane.waits(run)) == 1


async def test_a_rework_that_changes_the_approved_file_waits_again(lane: Lane) -> None:
    broken = {**SHOUT, "shop/greeting.py": SHOUT["shop/greeting.py"].replace(".upper()", "")}
    team = Team(developer=[code({**broken, **CONFTEST}), code({**SHOUT, **OTHER})])
    run = await lane.walk(team)
    await lane.grant(run)
    run = await lane.walk(team, run)
    assert (run.state, run.round) == ("waiting", 1)
    await lane.grant(run)
    assert (await lane.walk(team, run)).state == "succeeded"
    assert len(team.calls) == 2


@pytest.mark.abuse(20)
async def test_a_change_of_a_third_of_the_repository_waits_for_an_approval_of_all_of_it(shop: Shop) -> None:
    many = {f"lib/m{number}.py": f"VALUE = {number}\n" for number in range(20)}
    person = shop.person
    for path, content in many.items():
        (person.path / path).parent.mkdir(exist_ok=True)
        (person.path / path).write_text(content)
    person.git("add", "lib")
    person.git("commit", "-q", "-m", "Grow")
    lane = Lane(shop)
    changed = {path: "VALUE = None\n" for path in list(many)[:11]}
    team = Team(developer=[code({**SHOUT, **changed})])
    run = await lane.walk(team)
    wait = await lane.open(run)
    assert wait.subject == "developer:mass_change"
    assert wait.details["why"] == "it changes 12 of 28 files"
    assert len(wait.details["files"]) == 13
    await lane.grant(run)
    assert (await lane.walk(team, run)).state == "succeeded"


@pytest.mark.abuse(9, 20)
async def test_a_change_that_can_not_be_shown_whole_is_refused_not_asked_for(lane: Lane) -> None:
    long = {"tests/conftest.py": "# padding\n" * 5_001}
    run = await lane.walk(Team(developer=[code({**SHOUT, **long}), code({**SHOUT, **long})]))
    assert run.error is not None
    assert "can not be looked at" in run.error["message"]
    assert await lane.waits(run) == []


async def test_what_will_change_is_an_event_before_it_is_written(lane: Lane) -> None:
    team = Team(developer=[code({**SHOUT, **CONFTEST})])
    run = await lane.walk(team)
    [event] = await lane.events(run, "changes")
    assert event.data["phase"] == "developer"
    assert event.data["files"] == [
        {"path": "shop/greeting.py", "is_new": False, "added": 3, "removed": 0},
        {"path": "tests/conftest.py", "is_new": True, "added": 1, "removed": 0},
        {"path": "tests/test_shout.py", "is_new": True, "added": 4, "removed": 0},
    ]


@pytest.mark.abuse(9)
async def test_nobodys_silence_is_a_yes(shop: Shop) -> None:
    await permit(shop, reasks=0, wait_s=0.001, on_deadline="grant")
    lane = Lane(shop)
    run = await lane.walk(team := Team(developer=[code({**SHOUT, **CONFTEST})]))
    async with shop.services.database.transaction() as session:
        assert await waits.expire(session) == 1
    run = await lane.walk(team, run)
    assert run.error is not None
    assert "deadline did not approve" in run.error["message"]


async def test_a_path_that_is_protected_by_now_is_not_committed(shop: Shop) -> None:
    lane = Lane(shop)
    run = await shop.services.pipelines.create(EPIC, definition="tiny", project="shop")
    team = Team(developer=[code(SHOUT)])
    for _ in ("developer", "test"):
        await shop.services.pipelines.start(run.id, Target.STEP)
        await shop.walk(run, team)
    await projects.save(
        shop.services.database,
        ProjectDraft(name="shop", path=str(shop.person.path), protected_paths=("shop/*",)),
    )
    await shop.services.pipelines.start(run.id)
    run = await lane.walk(team, run)
    assert run.error is not None
    assert (run.error["phase"], run.error["code"]) == ("commit", "unsafe_path")
    assert f"workbench/{run.id}" not in shop.person.branches()
