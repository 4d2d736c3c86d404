"""Retrying a finished run: a new one that goes on from a phase, with the earlier artifacts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from app.artifacts import store as artifacts
from app.errors import Conflict, Invalid
from app.pipelines import projects
from app.pipelines.projects import ProjectDraft
from app.pipelines.retrying import Again
from app.tables import Outcome, Pipeline
from tests.db.repositories import make_repository
from tests.db.scripted import THING, Engine, PhaseResult, Scripted, rejected, thing

BROKEN = PhaseResult(Outcome.FAILED, detail={"code": "broken", "message": "it broke"})


async def failed(engine: Engine) -> tuple[Pipeline, Scripted, Scripted]:
    """A run that made a thing and failed after that, and its two kinds."""
    maker, user = Scripted(thing(n=1), thing(n=2)), Scripted(BROKEN)
    run = await engine.walk(await engine.queued(maker, user, a=THING))
    assert run.state == "failed"
    return run, maker, user


async def test_a_retry_goes_on_where_the_run_failed_with_its_artifacts(engine: Engine) -> None:
    old, maker, user = await failed(engine)
    before = await engine.everything()
    new = await engine.service.retry(old.id, Again())
    assert (new.state, new.retry_of, new.position, new.snapshot) == ("created", old.id, 1, old.snapshot)
    await engine.service.start(new.id)
    assert (await engine.walk(new)).state == "succeeded"
    assert (len(maker.seen), user.seen[-1].artifacts) == (1, {"thing": {"n": 1}})
    after = await engine.everything()
    assert [row for row in before if row not in after] == [], "the old run changed"
    async with engine.database.transaction() as session:
        [copied] = await artifacts.every(session, new.id)
        [original] = await artifacts.every(session, old.id)
    assert (copied.copied_from, copied.phase_run_id, copied.version) == (original.id, None, 1)


async def test_a_retry_from_an_earlier_phase_makes_its_artifact_anew(engine: Engine) -> None:
    old, maker, user = await failed(engine)
    new = await engine.service.retry(old.id, Again(from_phase="a"))
    await engine.service.start(new.id)
    assert (await engine.walk(new)).state == "succeeded"
    assert (len(maker.seen), user.seen[-1].artifacts) == (2, {"thing": {"n": 2}})


async def test_an_artifact_can_be_given_in_place_of_the_earlier_one(engine: Engine) -> None:
    old, _, user = await failed(engine)
    new = await engine.service.retry(old.id, Again("b", {"thing": {"n": 7}}, by="somebody"))
    await engine.service.start(new.id)
    assert (await engine.walk(new)).state == "succeeded"
    assert user.seen[-1].artifacts == {"thing": {"n": 7}}
    async with engine.database.transaction() as session:
        [edited] = await artifacts.every(session, new.id)
    assert (edited.edited_by, edited.copied_from) == ("somebody", None)


async def test_a_run_that_succeeded_is_retried_from_its_beginning(engine: Engine) -> None:
    run = await engine.walk(await engine.queued(Scripted(), Scripted()))
    assert (await engine.service.retry(run.id, Again())).position == 0


async def test_no_phase_that_the_run_did_not_pass_can_be_left_out(engine: Engine) -> None:
    """Else a retry would be the way around failing tests and refused approvals."""
    tests = Scripted(rejected("no", n=2))
    run = await engine.walk(await engine.queued(Scripted(thing(n=1)), tests, Scripted(), a=THING))
    assert run.state == "failed"
    with pytest.raises(Invalid, match="b can not be left out, it was not passed"):
        await engine.service.retry(run.id, Again("c"))


async def test_an_edited_artifact_goes_through_every_phase_after_its_own(engine: Engine) -> None:
    tests = Scripted()
    run = await engine.walk(await engine.queued(Scripted(thing(n=1)), tests, Scripted(BROKEN), a=THING))
    with pytest.raises(Invalid, match="b can not be left out, it has not seen the edited 'thing'"):
        await engine.service.retry(run.id, Again("c", {"thing": {"n": 7}}))
    new = await engine.service.retry(run.id, Again("b", {"thing": {"n": 7}}))
    await engine.service.start(new.id)
    await engine.walk(new)
    assert tests.seen[-1].artifacts == {"thing": {"n": 7}}


async def test_what_tests_found_can_not_be_given(engine: Engine, tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "one", {"a": "1"})
    await projects.save(
        engine.database, ProjectDraft(name="one", path=str(repository.path), python=sys.executable)
    )
    tests = engine.kinds["tests"] = Scripted(rejected("no", n=2))
    run = await engine.walk(await engine.queued(tests, Scripted(), a={**THING, "kind": "tests"}))
    assert run.state == "failed"
    with pytest.raises(Invalid, match="what a found can not be given"):
        await engine.service.retry(run.id, Again("b", {"thing": {"outcome": "passed"}}))


WRONG: dict[str, Any] = {
    "no phase": (Again(from_phase="z"), "it has: a, b"),
    "an artifact of a later phase": (Again("a", {"thing": {}}), "no phase before the first one makes"),
    "an artifact that breaks its schema": (Again("b", {"thing": [1]}), "is not valid"),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_retry_that_does_not_fit_is_refused_and_makes_no_run(engine: Engine, wrong: str) -> None:
    again, why = WRONG[wrong]
    old, _, _ = await failed(engine)
    before = await engine.everything()
    with pytest.raises(Invalid, match=why):
        await engine.service.retry(old.id, again)
    assert await engine.everything() == before


async def test_an_artifact_that_was_never_made_has_to_be_given(engine: Engine) -> None:
    run = await engine.walk(await engine.queued(Scripted(BROKEN), Scripted(), a=THING))
    with pytest.raises(Invalid, match="a can not be left out, it was not passed"):
        await engine.service.retry(run.id, Again("b"))
    assert (await engine.service.retry(run.id, Again("b", {"thing": {}}))).position == 1


async def test_a_run_that_is_not_finished_is_not_retried(engine: Engine) -> None:
    with pytest.raises(Conflict, match="only a finished run"):
        await engine.service.retry((await engine.queued(Scripted())).id, Again())
