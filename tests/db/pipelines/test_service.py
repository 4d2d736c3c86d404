"""What people do with runs: create, start, step, look."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import func, select, text

from app.errors import Conflict, Invalid, NotFound, TooLarge
from app.pipelines import projects, store
from app.pipelines.definition import Phase
from app.pipelines.projects import ProjectDraft
from app.pipelines.service import MAX_EPIC_CHARS, Step, check_epic, is_finished
from app.pipelines.store import Cursor
from app.tables import DefinitionSnapshot, Pipeline, PipelineDefinition, State, Target
from tests.db.repositories import make_repository
from tests.db.scripted import Engine, Gate, Scripted, soon, working


async def test_creating_pins_the_definition_as_it_is_now(engine: Engine) -> None:
    run = await engine.create(Scripted(), Scripted())
    async with engine.database.transaction() as session:
        snapshot = await store.snapshot(session, run.snapshot)
    assert [phase.name for phase in snapshot.phases] == ["a", "b"]
    assert (run.state, run.position, run.attempts, run.fence, run.event_count) == ("created", 0, 0, 0, 1)
    assert snapshot.sha256 == run.snapshot


async def test_equal_snapshots_are_stored_once(engine: Engine) -> None:
    first = await engine.create(Scripted())
    second = await engine.service.create("Another epic", definition="small")
    assert first.snapshot == second.snapshot
    async with engine.database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(DefinitionSnapshot)) == 1


async def test_a_snapshot_that_is_not_there_is_not_found(engine: Engine) -> None:
    with pytest.raises(NotFound, match="no snapshot"):
        async with engine.database.transaction() as session:
            await store.snapshot(session, "0" * 64)


@pytest.mark.parametrize("epic", ["", " \n\t ", "a\x00b", "half \ud800"])
async def test_an_epic_that_says_nothing_or_is_no_text_is_refused(engine: Engine, epic: str) -> None:
    await engine.create(Scripted())
    with pytest.raises(Invalid) as refusal:
        await engine.service.create(epic, definition="small")
    assert refusal.value.details == {"place": "epic_description"}


async def test_an_epic_may_have_so_many_characters_and_not_one_more(engine: Engine) -> None:
    await engine.create(Scripted())
    longest = "x" * MAX_EPIC_CHARS
    assert (await engine.service.create(f" {longest}\n", definition="small")).epic_description == longest
    with pytest.raises(TooLarge, match="20,001 characters"):
        check_epic(longest + "x")


async def test_a_definition_that_is_not_there_is_told_with_those_that_are(engine: Engine) -> None:
    await engine.create(Scripted())
    with pytest.raises(NotFound, match="no pipeline definition 'big'; there are: small"):
        await engine.service.create("An epic", definition="big")
    with pytest.raises(NotFound, match="no pipeline definition 'software'"):
        await engine.service.create("An epic")


async def test_broken_rows_are_told_with_the_way_back(engine: Engine) -> None:
    async with engine.database.transaction() as session:
        session.add(PipelineDefinition(name="broken", description="No phases", write_documents=False))
    with pytest.raises(Invalid, match="WORKBENCH_DATA_DRIVEN_ORCHESTRATION=false"):
        await engine.service.create("An epic", definition="broken")


async def test_a_run_that_is_not_there_is_not_found(engine: Engine) -> None:
    missing = uuid4()
    for doing in (engine.service.get, engine.service.start, engine.service.cancel):
        with pytest.raises(NotFound, match=str(missing)):
            await doing(missing)


async def test_starting_queues_a_wake_up_with_the_run(engine: Engine) -> None:
    run = await engine.queued(Scripted())
    assert (run.state, run.target) == ("queued", "end")
    async with engine.database.transaction() as session:
        jobs = (await session.scalars(text("SELECT convert_from(payload, 'UTF8') FROM pgqueuer"))).all()
    assert jobs == [str(run.id)]


STATES: dict[str, str] = {
    "queued": "the run is queued already",
    "running": "the run is running already",
    "waiting": "the run waits for approval",
    "succeeded": "start a new one",
    "failed": "start a new one",
    "cancelled": "start a new one",
}


@pytest.mark.parametrize("state", STATES)
async def test_a_run_that_can_not_start_says_why(engine: Engine, state: str) -> None:
    run = await engine.create(Scripted())
    await put(engine, run, State(state))
    for target in Target:
        with pytest.raises(Conflict, match=STATES[state]) as refusal:
            await engine.service.start(run.id, target)
        assert refusal.value.details["state"] == state
    assert (await engine.service.get(run.id)).state == state


async def put(engine: Engine, run: Pipeline, state: State) -> None:
    async with engine.database.transaction() as session:
        row = await store.get(session, run.id, lock=True)
        row.state = state
        row.reason = "approval" if state is State.WAITING else None
        row.error = {"code": "x", "message": "y"} if state is State.FAILED else None
        row.finished_at = func.clock_timestamp() if is_finished(row) else None
        if state is State.RUNNING:
            row.worker, row.lease_expires_at = "w", func.clock_timestamp()


async def test_advance_runs_exactly_one_phase_and_tells_how_it_ended(engine: Engine) -> None:
    run = await engine.create(Scripted(), Scripted())
    async with working(engine.worker()):
        first = await soon(engine.service.advance(run.id, 30))
        assert phase_of(first) == ("a", "passed", "paused")
        last = await soon(engine.service.advance(run.id, 30))
        assert phase_of(last) == ("b", "passed", "succeeded")
        with pytest.raises(Conflict, match="start a new one"):
            await engine.service.advance(run.id, 30)


def phase_of(step: Step) -> tuple[str, str, str]:
    assert step.phase_run is not None
    return step.phase_run.phase, step.phase_run.outcome, step.pipeline.state


async def test_of_two_advances_at_once_exactly_one_runs(engine: Engine) -> None:
    run = await engine.create(Scripted(), Scripted())
    async with working(engine.worker()):
        results = await soon(
            asyncio.gather(*(engine.service.advance(run.id, 30) for _ in range(2)), return_exceptions=True)
        )
    steps = [result for result in results if isinstance(result, Step)]
    refusals = [result for result in results if isinstance(result, Conflict)]
    assert [phase_of(step) for step in steps] == [("a", "passed", "paused")]
    assert [refusal.details["state"] in ("queued", "running") for refusal in refusals] == [True]


async def test_an_advance_while_a_phase_runs_is_refused_and_the_phase_goes_on(engine: Engine) -> None:
    gate = Gate()
    run = await engine.create(gate)
    async with working(engine.worker()):
        waiting = asyncio.create_task(engine.service.advance(run.id, 30))
        await soon(gate.entered.wait())
        with pytest.raises(Conflict, match="running already"):
            await engine.service.advance(run.id, 30)
        gate.opened.set()
        assert phase_of(await soon(waiting)) == ("a", "passed", "succeeded")


async def test_advance_without_a_worker_queues_the_phase_and_does_not_wait(engine: Engine) -> None:
    run = await engine.create(Scripted())
    step = await soon(engine.service.advance(run.id, 3600))
    assert (step.phase_run, step.pipeline.state) == (None, "queued")


async def test_an_advance_that_waited_long_enough_leaves_the_phase_under_way(engine: Engine) -> None:
    gate = Gate()
    run = await engine.create(gate)
    async with working(engine.worker()):
        step = await engine.service.advance(run.id, 0)
        assert (step.phase_run, step.pipeline.state) == (None, "queued")
        await soon(gate.entered.wait())
        gate.opened.set()
        assert (await soon(engine.service.wait_until_still(run.id))).state == "succeeded"


async def test_a_caller_of_advance_that_goes_away_cancels_nothing(engine: Engine) -> None:
    gate = Gate()
    run = await engine.create(gate)
    async with working(engine.worker()):
        caller = asyncio.create_task(engine.service.advance(run.id, 30))
        await soon(gate.entered.wait())
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        gate.opened.set()
        assert (await soon(engine.service.wait_until_still(run.id))).state == "succeeded"


async def test_runs_are_listed_newest_first_by_pages(engine: Engine) -> None:
    await engine.create(Scripted())
    made = [(await engine.service.create(f"Epic {number}", definition="small")).id for number in range(4)]
    async with engine.database.transaction() as session:
        first = await store.page(session, after=None, limit=3)
        rest = await store.page(session, after=Cursor(first[-1].created_at, first[-1].id), limit=3)
        queued = await store.page(session, after=None, limit=3, state=State.QUEUED)
    assert [row.id for row in [*first, *rest]][:4] == made[::-1]
    assert (len(first), len(rest), list(queued)) == (3, 2, [])


async def test_what_is_pinned_is_stored_with_the_first_run_that_has_it(engine: Engine) -> None:
    first = await engine.create(Scripted())
    await engine.define(Phase(name="other", kind="kind-a"))
    pinned = await engine.service.pin("small")
    assert await snapshots(engine) == {first.snapshot}
    for _ in range(2):
        await engine.service.create("An epic", definition="small")
    assert await snapshots(engine) == {first.snapshot, pinned.snapshot.sha256}


async def snapshots(engine: Engine) -> set[str]:
    async with engine.database.transaction() as session:
        return set(await session.scalars(select(DefinitionSnapshot.sha256)))


class TestProjects:
    """Which repository a run works on, where its definition needs one."""

    async def test_a_definition_that_needs_no_repository_gets_none(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        await register(engine, tmp_path, "one")
        run = await engine.create(Scripted())
        assert (run.project_id, run.base_commit) == (None, None)

    async def test_a_named_project_gives_the_run_its_base_commit(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        commits = {name: await register(engine, tmp_path, name) for name in ("one", "two")}
        await engine.create(Scripted())
        run = await engine.service.create("An epic", definition="small", project="two")
        assert run.base_commit == commits["two"]

    async def test_the_only_project_is_the_one(self, engine: Engine, tmp_path: Path) -> None:
        await needing_a_repository(engine)
        with pytest.raises(Invalid, match="no project is registered"):
            await engine.service.create("An epic", definition="small")
        commit = await register(engine, tmp_path, "one")
        assert (await engine.service.create("An epic", definition="small")).base_commit == commit

    async def test_the_service_s_own_projects_are_not_meant_where_a_person_has_one(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        await needing_a_repository(engine)
        for name in (projects.SELF, projects.SAMPLE, "one"):
            commit = await register(engine, tmp_path, name)
            assert (await engine.service.create("An epic", definition="small")).base_commit == commit

    async def test_of_several_projects_one_has_to_be_named(self, engine: Engine, tmp_path: Path) -> None:
        await needing_a_repository(engine)
        for name in ("one", "two"):
            await register(engine, tmp_path, name)
        with pytest.raises(Invalid, match="say which project: one, two"):
            await engine.service.create("An epic", definition="small")
        with pytest.raises(NotFound, match="no project 'three'; there are: one, two"):
            await engine.service.create("An epic", definition="small", project="three")

    async def test_registering_again_changes_the_project(self, engine: Engine, tmp_path: Path) -> None:
        await register(engine, tmp_path, "one")
        draft = ProjectDraft(name="one", path=str(tmp_path / "one"), protected_paths=("docs/**",))
        await projects.save(engine.database, draft)
        async with engine.database.transaction() as session:
            assert [row.protected_paths for row in await projects.every(session)] == [["docs/**"]]

    @pytest.mark.parametrize(
        ("values", "place"),
        [({"path": "relative"}, "path"), ({"test_command": ("pytest",)}, "test_command")],
        ids=["path", "test command"],
    )
    async def test_a_project_that_could_not_be_worked_on_is_refused(
        self, engine: Engine, tmp_path: Path, values: dict[str, object], place: str
    ) -> None:
        draft = ProjectDraft.model_validate({"name": "one", "path": str(tmp_path), **values})
        with pytest.raises(Invalid) as refusal:
            await projects.save(engine.database, draft)
        assert refusal.value.details["place"] == place


async def register(engine: Engine, folder: Path, name: str) -> str:
    repository = make_repository(folder / name, {"README.md": f"{name}\n"})
    await projects.save(
        engine.database, ProjectDraft(name=name, path=str(repository.path), python=sys.executable)
    )
    return repository.git("rev-parse", "HEAD")


async def needing_a_repository(engine: Engine) -> None:
    engine.kinds["tests"] = Scripted()
    await engine.define(Phase(name="test", kind="tests"))
