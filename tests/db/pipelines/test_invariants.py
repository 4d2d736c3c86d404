"""Sound runs break no invariant; each way of breaking one is found, and told with the run's id."""

from __future__ import annotations

import os
import time
from uuid import UUID

import pytest
from sqlalchemy import text

from app.pipelines import invariants
from app.pipelines.invariants import LISTED, Violation
from app.tables import Pipeline
from tests.db.scripted import THING, Engine, Scripted, rejected, thing
from tests.db.software import SHOUT, Shop, Team, code

DIGEST = "1" * 64


async def test_runs_of_every_ending_break_none(engine: Engine) -> None:
    ways = {
        "passed": [Scripted(thing(n=1)), Scripted()],
        "reworked": [Scripted(thing(n=1), thing(n=2)), Scripted(rejected("no"))],
        "exhausted": [Scripted(thing(n=1), thing(n=2)), Scripted(rejected("no"), rejected("never"))],
        "broken": [Scripted(RuntimeError("broken")), Scripted()],
    }
    for kinds in ways.values():
        run = await engine.queued(*kinds, a=THING, b={"on_reject": "a", "max_rework": 1})
        await engine.walk(run)
    waiting = await engine.create(Scripted())
    await engine.service.cancel((await engine.create(Scripted())).id)
    assert waiting.state == "created"
    assert await invariants.check(engine.database) == []


async def test_a_run_under_way_and_one_whose_worker_died_break_none(engine: Engine) -> None:
    run = await walked(engine)
    await change(
        engine,
        "UPDATE pipelines SET state = 'running', worker = 'dead', finished_at = NULL, position = 0, "
        "fence = fence + 1, lease_expires_at = clock_timestamp() - interval '5 seconds', event_count = 3",
        "DELETE FROM events WHERE seq > 3",
        "DELETE FROM artifacts",
        "DELETE FROM phase_runs WHERE phase = 'b'",
        "UPDATE phase_runs SET outcome = 'running', ended_at = NULL",
        "INSERT INTO workers (name) VALUES ('alive')",
    )
    assert await broken(engine) == set()
    assert (await engine.walk(run)).state == "succeeded"
    assert await broken(engine) == set()


@pytest.mark.parametrize(
    ("invariant", "statements"),
    [
        ("one end", ["UPDATE events SET kind = 'cancelled' WHERE kind = 'succeeded'"]),
        (
            "pushed as committed",
            [
                'INSERT INTO pushes (pipeline_id, url, branch, "commit", state, attempts) '
                "SELECT id, 'https://host/r', 'main', 'c', 'pushed', 1 FROM pipelines LIMIT 1"
            ],
        ),
        ("one end", ["UPDATE events SET kind = 'succeeded' WHERE seq = 2"]),
        ("one end", ["UPDATE pipelines SET state = 'paused', finished_at = NULL"]),
        ("nobody is forgotten", ["UPDATE pipelines SET state = 'running', finished_at = NULL"]),
        ("one open phase", ["UPDATE phase_runs SET outcome = 'running', ended_at = NULL WHERE phase = 'b'"]),
        ("counted tries", ["UPDATE phase_runs SET try = 1"]),
        ("phases in order", ["UPDATE phase_runs SET phase = 'z' WHERE phase = 'a'"]),
        ("phases in order", ["UPDATE phase_runs SET round = 1"]),
        ("phases in order", ["UPDATE phase_runs SET outcome = 'failed' WHERE phase = 'a'"]),
        ("phases in order", ["UPDATE phase_runs SET phase = 'c' WHERE phase = 'b'"]),
        ("phases in order", ["UPDATE pipelines SET position = 1"]),
        ("phases in order", ["DELETE FROM artifacts", "DELETE FROM phase_runs"]),
        ("one current artifact", ["UPDATE artifacts SET current = false"]),
        ("one current artifact", ["UPDATE artifacts SET version = 2"]),
        ("artifacts from phases", ["UPDATE phase_runs SET outcome = 'abandoned' WHERE phase = 'a'"]),
        ("artifacts from phases", ["DELETE FROM artifacts"]),
        ("gapless events", ["DELETE FROM events WHERE seq = 3"]),
        ("gapless events", ["UPDATE pipelines SET event_count = event_count + 1"]),
        (
            "one open wait",
            [
                "INSERT INTO waits (pipeline_id, reason, subject, phase, round, decision, details) "
                "SELECT id, 'event', 'go', 'a', 0, 'open', '{}' FROM pipelines"
            ],
        ),
        (
            "intended commits",
            [
                "UPDATE pipelines SET state = 'cancelled'",
                "INSERT INTO commit_intents (pipeline_id, branch, parent, message, files) "
                "SELECT id, 'b', 'p', 'm', '[]' FROM pipelines",
            ],
        ),
    ],
)
async def test_a_breach_is_found(engine: Engine, invariant: str, statements: list[str]) -> None:
    run = await walked(engine)
    assert await broken(engine) == set()
    await change(engine, *statements)
    found = await invariants.check(engine.database)
    assert invariant in {each.invariant for each in found}
    assert {each.subject for each in found} == {str(run.id)}


async def test_a_queued_run_without_a_wake_up_is_forgotten_once_a_worker_could_have_come(
    engine: Engine,
) -> None:
    await engine.queued(Scripted())
    lost = ["DELETE FROM pgqueuer", "UPDATE pipelines SET updated_at = updated_at - interval '1 hour'"]
    await change(engine, *lost)
    assert await broken(engine) == set()
    await change(engine, "INSERT INTO workers (name) VALUES ('alive')")
    assert await broken(engine) == {"nobody is forgotten"}


async def test_a_run_that_was_pruned_may_lack_its_events_and_earlier_artifacts(engine: Engine) -> None:
    await walked(engine)
    await change(
        engine,
        "UPDATE pipelines SET pruned_at = clock_timestamp()",
        "DELETE FROM events",
        "UPDATE artifacts SET version = 2",
    )
    assert await broken(engine) == set()


async def test_many_breaches_are_counted_and_some_are_listed(engine: Engine) -> None:
    for _ in range(LISTED + 2):
        await engine.create(Scripted())
    await change(engine, "DELETE FROM events")
    [found] = [one async for one in invariants.examine(engine.database) if one.count]
    assert (found.invariant, found.count, len(found.violations)) == ("gapless events", LISTED + 2, LISTED)


async def test_the_ledger_is_compared_with_the_stored_answers(engine: Engine) -> None:
    run = await walked(engine)
    await call(engine, run.id, outcome="ok", answer='{"input": 10, "output": 3}')
    assert await broken(engine) == set()
    await call(engine, run.id, outcome="ok", answer=None)
    assert await broken(engine) == {"paid once"}
    await change(engine, "UPDATE pipeline_prompt_usage SET output_tokens = 4")
    assert await broken(engine) == {"paid once", "ledger adds up"}


async def test_an_open_call_is_a_lost_reply_only_when_it_was_asked_again(engine: Engine) -> None:
    run = await walked(engine)
    await call(engine, run.id, outcome="open", answer=None)
    assert await broken(engine) == {"ledger adds up"}
    await call(engine, run.id, outcome="ok", answer='{"input": 10, "output": 3}')
    assert await broken(engine) == set()


async def test_an_open_call_is_made_up_for_by_a_worker_thought_dead_whose_answer_came_later(
    engine: Engine,
) -> None:
    run = await walked(engine)
    await call(engine, run.id, outcome="ok", answer='{"input": 10, "output": 3}')
    await call(engine, run.id, outcome="open", answer=None)
    assert await broken(engine) == {"ledger adds up", "paid once"}
    late = "UPDATE pipeline_prompt_usage SET settled_at = clock_timestamp() WHERE outcome = 'ok'"
    await change(engine, late)
    assert await broken(engine) == set()


async def test_the_commits_of_real_runs_break_none(shop: Shop) -> None:
    await committed(shop)
    assert await invariants.check(shop.services.database) == []


async def test_commits_that_were_doubled_lost_or_unintended_are_found(shop: Shop) -> None:
    run = await committed(shop)
    branch = f"workbench/{run.id}"
    tip = shop.person.git("rev-parse", branch)
    message = shop.person.git("log", "-1", "--format=%B", branch)
    again = shop.person.git("commit-tree", f"{branch}^{{tree}}", "-p", tip, "-m", message)
    shop.person.git("update-ref", f"refs/heads/{branch}", again)
    assert "2 commits" in (await only(shop)).what
    foreign = shop.person.git("commit-tree", f"{branch}^{{tree}}", "-p", tip, "-m", "By a person")
    shop.person.git("update-ref", f"refs/heads/{branch}", foreign)
    assert await invariants.check(shop.services.database) == []
    shop.person.git("update-ref", "-d", f"refs/heads/{branch}")
    assert "no branch holds its commit" in (await only(shop)).what
    shop.person.git("update-ref", "refs/heads/merged", tip)
    assert await invariants.check(shop.services.database) == []


async def test_a_branch_without_an_intent_a_lock_that_was_left_and_a_broken_object_are_found(
    shop: Shop,
) -> None:
    run = await committed(shop)
    async with shop.services.database.transaction() as session:
        await session.execute(text("DELETE FROM commit_intents"))
    found = await invariants.check(shop.services.database)
    assert {each.invariant for each in found} == {"intended commits", "one commit"}
    folder = shop.person.path / ".git"
    lock = folder / "refs" / "heads" / "workbench" / f"{run.id}.lock"
    lock.touch()
    os.utime(lock, (time.time() - 3600,) * 2)
    tip = shop.person.git("rev-parse", f"workbench/{run.id}^{{tree}}")
    (folder / "objects" / tip[:2] / tip[2:]).unlink()
    found = await invariants.check(shop.services.database)
    assert [each.invariant for each in found].count("repository whole") == 2


async def committed(shop: Shop) -> Pipeline:
    run = await shop.run(Team(developer=[code(SHOUT)]))
    assert run.state == "succeeded"
    return run


async def only(shop: Shop) -> Violation:
    [found] = await invariants.check(shop.services.database)
    assert found.invariant == "one commit"
    return found


async def walked(engine: Engine) -> Pipeline:
    """A run of two phases that succeeded."""
    run = await engine.walk(await engine.queued(Scripted(thing(n=1), thing(n=2)), Scripted(), a=THING))
    assert run.state == "succeeded"
    return run


async def broken(engine: Engine) -> set[str]:
    return {each.invariant for each in await invariants.check(engine.database)}


async def change(engine: Engine, *statements: str) -> None:
    """What no code of ours does: the guards of the database are off."""
    async with engine.database.transaction() as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            await session.execute(text(statement))


async def call(engine: Engine, run: UUID, *, outcome: str, answer: str | None) -> None:
    """A call in the first phase, and the answer that was kept."""
    settled = outcome != "open"
    row = {"run": run, "outcome": outcome, "digest": DIGEST, "tokens": 10 if settled else None}
    async with engine.database.transaction() as session:
        usage = await session.scalar(text(CALL), {**row, "output": 3 if settled else None})
        if answer is not None:
            await session.execute(text(ANSWER), {"usage": usage, "tokens": answer})


CALL = """
    INSERT INTO pipeline_prompt_usage (pipeline_id, phase_run_id, phase, item, round, step, backend, profile,
        model, role, prompt_digest, request_digest, reserved_tokens, price_version, outcome, input_tokens,
        output_tokens, settled_at)
    SELECT :run, id, 'a', '', 0, 0, 'recorded', 'p', 'm', 'r', :digest, :digest, 1, '', :outcome, :tokens,
        :output, CASE WHEN :outcome <> 'open' THEN clock_timestamp() END
    FROM phase_runs WHERE pipeline_id = :run AND phase = 'a' RETURNING id
"""
ANSWER = """
    INSERT INTO model_answers (usage_id, pipeline_id, phase, item, round, step, request_digest, answer)
    SELECT id, pipeline_id, phase, item, round, step, request_digest,
        jsonb_build_object('tokens', CAST(:tokens AS jsonb)) FROM pipeline_prompt_usage WHERE id = :usage
"""
