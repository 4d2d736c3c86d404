"""A file or a git command that fails once: the phase is tried again, once."""

from __future__ import annotations

import asyncio
import errno
from datetime import timedelta

import pytest

from app.errors import Invalid
from app.workspace.git import GitError
from app.workspace.writer import WriteFailed
from tests.db.scripted import THING, Engine, Scripted, thing

FULL = OSError(errno.ENOSPC, "No space left on device")


def wrapped() -> Invalid:
    error = Invalid("git does not take the name")
    error.__cause__ = GitError("killed")
    return error


@pytest.mark.parametrize("fault", [FULL, GitError("locked"), WriteFailed("full"), wrapped()])
async def test_a_phase_that_meets_a_fault_of_this_machine_is_tried_again(
    engine: Engine, fault: Exception
) -> None:
    run = await engine.queued(Scripted(fault, thing(a=1)), Scripted(fault), a=THING)
    for _ in range(2):
        again = await engine.orchestrator().handle(run.id, asyncio.Event())
        assert again == timedelta(seconds=0.5)
        assert (await engine.service.get(run.id)).attempts == 1
    assert (await engine.walk(run)).state == "succeeded"
    tries = [("a", "abandoned"), ("a", "passed"), ("b", "abandoned"), ("b", "passed")]
    assert await engine.outcomes(run.id) == tries


async def test_the_second_time_fails_the_run_with_the_reason(engine: Engine) -> None:
    run = await engine.queued(Scripted(FULL, GitError("git update-ref failed")))
    await engine.walk(run)
    ended = await engine.walk(run)
    assert ended.error is not None
    assert (ended.state, ended.error["message"]) == ("failed", "git update-ref failed")
    assert await engine.outcomes(run.id) == [("a", "abandoned"), ("a", "failed")]


async def test_the_events_say_why_a_phase_is_tried_again(engine: Engine) -> None:
    run = await engine.walk(await engine.queued(Scripted(FULL)))
    finished = [event.data for event in await engine.events(run.id) if event.kind == "phase_finished"]
    assert [(data["code"], data["outcome"]) for data in finished] == [("local_fault", "abandoned")]
    assert "No space left" in finished[0]["message"]


async def test_a_fault_that_stays_is_tried_once(engine: Engine) -> None:
    run = await engine.walk(await engine.queued(Scripted(Invalid("no such definition"))))
    assert run.state == "failed"
    assert await engine.outcomes(run.id) == [("a", "failed")]
