"""Work that is sent back: who gets it, what is told, and when it is enough."""

from __future__ import annotations

from typing import Any

from app.artifacts import store as artifacts
from app.tables import Outcome, Pipeline
from tests.db.scripted import THING, Engine, Scripted, rejected, thing

BACK: dict[str, Any] = {"on_reject": "a", "max_rework": 2}


async def test_a_rejection_goes_back_with_its_issues_and_skips_the_phases_after_it(engine: Engine) -> None:
    developer, tests, review = Scripted(), Scripted(rejected("test_x: no y")), Scripted()
    run = await engine.walk(await engine.queued(developer, tests, review, b=BACK))
    assert run.state == "succeeded"
    assert [phase for phase, _ in await engine.outcomes(run.id)] == ["a", "b", "a", "b", "c"]
    assert [context.round for context in developer.seen] == [0, 1]
    assert [context.issues for context in developer.seen] == [(), ({"source": "b", "text": "test_x: no y"},)]
    assert len(review.seen) == 1


async def test_the_newest_rejection_is_the_one_that_is_told(engine: Engine) -> None:
    developer = Scripted()
    tests = Scripted(rejected("first"), rejected("second"))
    await engine.walk(await engine.queued(developer, tests, b=BACK))
    assert [[issue["text"] for issue in context.issues] for context in developer.seen] == [
        [],
        ["first"],
        ["second"],
    ]


async def test_one_rejection_too_many_fails_the_run_with_what_was_found(engine: Engine) -> None:
    tests = Scripted(*[rejected(f"fault {number}") for number in range(3)])
    run = await engine.walk(await engine.queued(Scripted(), tests, b=BACK))
    assert run.error == {
        "phase": "b",
        "code": "rejected",
        "message": "b did not pass after 2 reworks: fault 2",
    }
    assert (await engine.outcomes(run.id)).count(("b", "rejected")) == 3


async def test_each_phase_has_reworks_of_its_own(engine: Engine) -> None:
    tests, review = Scripted(rejected("t"), rejected("t")), Scripted(rejected("r"), rejected("r"))
    run = await engine.walk(await engine.queued(Scripted(), tests, review, b=BACK, c=BACK))
    assert (run.state, run.round) == ("succeeded", 4)


async def test_a_suspect_verdict_goes_back_and_is_recorded_as_suspect(engine: Engine) -> None:
    tests = Scripted(rejected("no test ran", outcome=Outcome.SUSPECT))
    run = await engine.walk(await engine.queued(Scripted(), tests, b=BACK))
    assert run.state == "succeeded"
    assert await engine.outcomes(run.id) == [
        ("a", "passed"),
        ("b", "suspect"),
        ("a", "passed"),
        ("b", "passed"),
    ]


async def test_a_suspect_verdict_that_stays_fails_the_run_as_suspect(engine: Engine) -> None:
    run = await engine.walk(await engine.queued(Scripted(rejected("odd", outcome=Outcome.SUSPECT))))
    assert run.error == {"phase": "a", "code": "suspect", "message": "a did not pass: odd"}


async def test_a_rejection_with_nobody_to_send_it_to_fails_the_run(engine: Engine) -> None:
    run = await engine.walk(await engine.queued(Scripted(), Scripted(rejected("no"))))
    assert run.error == {"phase": "b", "code": "rejected", "message": "b did not pass: no"}


async def test_every_version_of_an_artifact_is_kept_and_the_newest_is_current(engine: Engine) -> None:
    developer = Scripted(thing(n=1), thing(n=2))
    run = await engine.walk(await engine.queued(developer, Scripted(rejected("no")), a=THING, b=BACK))
    async with engine.database.transaction() as session:
        rows = await artifacts.versions(session, run.id, "thing")
    assert [(row.version, row.body, row.current) for row in rows] == [
        (2, {"n": 2}, True),
        (1, {"n": 1}, False),
    ]
    assert developer.seen[1].artifacts == {"thing": {"n": 1}}


async def test_the_artifact_of_a_rejection_is_kept(engine: Engine) -> None:
    run = await engine.walk(await engine.queued(Scripted(rejected("no", tests=3)), a=THING))
    async with engine.database.transaction() as session:
        assert await artifacts.current(session, run.id) == {"thing": {"tests": 3}}


async def test_a_stepped_run_pauses_after_a_rejection_too(engine: Engine) -> None:
    run: Pipeline = await engine.create(Scripted(), Scripted(rejected("no")), b=BACK)
    from app.tables import Target

    for expected in (1, 0, 1, 2):
        await engine.service.start(run.id, Target.STEP)
        run = await engine.walk(run)
        assert run.position == expected
        assert (run.state, run.reason) == (("paused", "step") if expected < 2 else ("succeeded", None))
