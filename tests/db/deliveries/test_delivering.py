"""Phases of kind `deliver`, in runs on a real database, against a receiver on this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text

from app import failpoints
from app.artifacts import store as artifacts
from app.db import Database
from app.errors import Conflict, Invalid
from app.pipelines.definition import Phase
from app.pipelines.deliveries import store as deliveries
from app.pipelines.deliveries.destination import read
from app.pipelines.deliveries.sender import Sender
from app.pipelines.leases import StaleFence
from app.pipelines.phases.deliver import DeliverPhase
from app.pipelines.phases.kind import PhaseContext, PhaseResult
from app.pipelines.snapshot import Snapshot
from app.tables import DefinitionSnapshot, Delivery, DeliveryState, Pipeline, State
from tests.db.scripted import THING, Doing, Engine, Scripted, open_engine, thing
from tests.receiver import OK, Receiver, status

PAYLOAD = {"title": "Grüße ☀", "n": 1}
Try = Callable[[DeliverPhase, PhaseContext], Awaitable[PhaseResult]]


class Death(BaseException):
    """The process dies here."""


@pytest_asyncio.fixture
async def engine(database: Database) -> AsyncIterator[Engine]:
    async with open_engine(database) as opened:
        yield opened


class Sending(Doing):
    """A deliver phase that a test may run in a way of its own."""

    def __init__(self, phase: DeliverPhase, tries: Try) -> None:
        super().__init__(lambda context: tries(phase, context))


async def prepare(engine: Engine, url: str, *, dry_run: bool = False, tries: Try | None = None) -> Pipeline:
    """A queued run that makes a thing and sends it to the URL, as `tries` does it."""
    await point(engine, url, dry_run=dry_run)
    phase = DeliverPhase(Sender(engine.database, {}, pauses_s=(0, 0)))
    engine.kinds["kind-a"] = Scripted(thing(**PAYLOAD))
    engine.kinds["deliver"] = Sending(phase, tries or DeliverPhase.run)
    await engine.define(
        Phase.model_validate({"name": "a", "kind": "kind-a"} | THING),
        Phase(
            name="post",
            kind="deliver",
            inputs=("thing",),
            destination="hook",
            artifact="receipt",
            schema_name="DeliveryRecord",
        ),
    )
    run = await engine.service.create("An epic", definition="small")
    return await engine.service.start(run.id)


async def point(engine: Engine, url: str, *, dry_run: bool = False) -> None:
    config = {"url": url, "allow_private": True, "timeout_s": 10}
    draft = read({"name": "hook", "adapter": "http", "config": config, "dry_run": dry_run})
    async with engine.database.transaction() as session:
        await deliveries.save(session, draft)


async def delivery(engine: Engine, run: Pipeline) -> Delivery:
    async with engine.database.transaction() as session:
        (row,) = await deliveries.of_run(session, run.id)
    return row


async def receipt(engine: Engine, run: Pipeline) -> Any:
    async with engine.database.transaction() as session:
        return (await artifacts.get(session, run.id, "receipt")).body


async def test_an_artifact_is_sent_and_the_receipt_says_what_came_back(engine: Engine) -> None:
    async with Receiver() as receiver:
        run = await engine.walk(await prepare(engine, receiver.url))
    assert run.state == State.SUCCEEDED, run.error
    (got,) = receiver.got
    row, made = await delivery(engine, run), await receipt(engine, run)
    assert got.json == PAYLOAD == made["payload"]
    assert got.headers["idempotency-key"] == row.idempotency_key == made["idempotency_key"]
    assert (row.state, row.response_status, row.response_excerpt, row.attempts) == ("sent", 200, "there", 1)
    assert (made["state"], made["target"]) == ("sent", f"POST http://127.0.0.1:{receiver.port}")


async def test_a_dry_run_writes_down_what_would_be_sent_and_sends_nothing(engine: Engine) -> None:
    async with Receiver() as receiver:
        run = await engine.walk(await prepare(engine, receiver.url, dry_run=True))
    assert (run.state, receiver.got) == (State.SUCCEEDED, [])
    row, made = await delivery(engine, run), await receipt(engine, run)
    assert (row.state, row.attempts, row.sent_at) == (DeliveryState.DRY_RUN, 0, None)
    assert (made["state"], made["payload"], made["response_status"]) == ("dry_run", PAYLOAD, None)


async def test_after_a_crash_between_send_and_mark_the_same_key_is_sent_again(engine: Engine) -> None:
    async def die_and_come_back(phase: DeliverPhase, context: PhaseContext) -> PhaseResult:
        with dying_after("delivery.send"), pytest.raises(Death):
            await phase.run(context)
        assert (await delivery(engine, run)).state == DeliveryState.INTENDED
        return await phase.run(context)

    async with Receiver() as receiver:
        run = await prepare(engine, receiver.url, tries=die_and_come_back)
        ended = await engine.walk(run)
    assert ended.state == State.SUCCEEDED
    first, second = (got.headers["idempotency-key"] for got in receiver.got)
    row = await delivery(engine, run)
    assert first == second == row.idempotency_key
    assert (row.state, row.attempts) == (DeliveryState.SENT, 2)


async def test_what_has_arrived_is_not_sent_again(engine: Engine) -> None:
    async def twice(phase: DeliverPhase, context: PhaseContext) -> PhaseResult:
        first, second = await phase.run(context), await phase.run(context)
        assert first == second
        return second

    async with Receiver() as receiver:
        run = await engine.walk(await prepare(engine, receiver.url, tries=twice))
    assert (run.state, len(receiver.got)) == (State.SUCCEEDED, 1)


async def test_a_worker_that_lost_the_run_sends_nothing(engine: Engine) -> None:
    async def asleep(phase: DeliverPhase, context: PhaseContext) -> PhaseResult:
        with pytest.raises(StaleFence):
            await phase.run(replace(context, fence=context.fence - 1))
        return await phase.run(context)

    async with Receiver() as receiver:
        await engine.walk(await prepare(engine, receiver.url, tries=asleep))
    assert len(receiver.got) == 1


async def test_a_run_that_is_being_cancelled_sends_nothing(engine: Engine) -> None:
    async def cancelled(phase: DeliverPhase, context: PhaseContext) -> PhaseResult:
        await execute(engine, "UPDATE pipelines SET asked = 'cancel'")
        with pytest.raises(Conflict, match="being cancelled"):
            await phase.run(context)
        await execute(engine, "UPDATE pipelines SET asked = NULL")
        raise Invalid("the end of the test")

    async with Receiver() as receiver:
        await engine.walk(await prepare(engine, receiver.url, tries=cancelled))
    assert receiver.got == []


async def test_a_receiver_that_is_busy_is_asked_again_with_the_same_key(engine: Engine) -> None:
    async with Receiver(status(503), status(429), OK) as receiver:
        run = await engine.walk(await prepare(engine, receiver.url))
    assert run.state == State.SUCCEEDED
    assert len({got.headers["idempotency-key"] for got in receiver.got}) == 1
    assert (await delivery(engine, run)).attempts == 3


@pytest.mark.parametrize(
    ("answer", "attempts"), [(status(503, body=b"busy"), 3), (status(400, body=b"bad"), 1)]
)
async def test_a_receiver_that_does_not_take_it_fails_the_run_with_what_it_said(
    engine: Engine, answer: bytes, attempts: int
) -> None:
    async with Receiver(answer) as receiver:
        run = await engine.walk(await prepare(engine, receiver.url))
    assert run.error is not None
    assert (run.state, run.error["code"], len(receiver.got)) == (State.FAILED, "delivery_failed", attempts)
    row = await delivery(engine, run)
    assert row.state == DeliveryState.FAILED
    assert answer.endswith((row.response_excerpt or "nothing").encode())


async def test_a_receiver_that_is_down_leaves_the_reason_in_the_record(engine: Engine) -> None:
    async with Receiver() as receiver:
        url = receiver.url
    run = await engine.walk(await prepare(engine, url))
    assert run.state == State.FAILED
    assert "can not be reached" in str((await delivery(engine, run)).response_excerpt)


async def test_a_dry_run_that_is_switched_off_sends_what_it_had_only_written_down(engine: Engine) -> None:
    async def both(phase: DeliverPhase, context: PhaseContext) -> PhaseResult:
        assert (await phase.run(context)).artifact["state"] == "dry_run"
        await point(engine, receiver.url)
        return await phase.run(context)

    async with Receiver() as receiver:
        run = await engine.walk(await prepare(engine, receiver.url, dry_run=True, tries=both))
    assert (len(receiver.got), (await delivery(engine, run)).state) == (1, "sent")


async def test_a_program_is_sent_to_as_well(engine: Engine) -> None:
    draft = read({"name": "hook", "adapter": "command", "config": {"argv": ["/bin/cat"]}, "dry_run": False})

    async def to_program(phase: DeliverPhase, context: PhaseContext) -> PhaseResult:
        async with engine.database.transaction() as session:
            await deliveries.save(session, draft)
        return await phase.run(context)

    run = await engine.walk(await prepare(engine, "https://example.org", tries=to_program))
    made = await receipt(engine, run)
    assert (made["adapter"], made["target"], made["response_status"]) == ("command", "/bin/cat", 0)
    assert made["response_excerpt"] == '{"n":1,"title":"Grüße ☀"}'


async def test_a_destination_that_is_gone_fails_the_run_and_names_those_there_are(engine: Engine) -> None:
    run = await prepare(engine, "https://example.org")
    await execute(engine, "UPDATE phase_configurations SET destination = NULL")
    async with engine.database.transaction() as session:
        await deliveries.remove(session, "hook")
    failed = await engine.walk(run)
    assert failed.error is not None
    assert "no destination 'hook'; there are: none" in failed.error["message"]


async def test_a_destination_that_a_definition_uses_can_not_be_removed(engine: Engine) -> None:
    await prepare(engine, "https://example.org")
    with pytest.raises(Conflict, match="used by the definition small"):
        async with engine.database.transaction() as session:
            await deliveries.remove(session, "hook")


async def test_a_phase_that_sends_names_a_destination_one_input_and_its_record(engine: Engine) -> None:
    await point(engine, "https://example.org")
    engine.kinds |= {"kind-a": Scripted(), "deliver": DeliverPhase(Sender(engine.database, {}))}
    good = {"name": "b", "kind": "deliver", "inputs": ["thing"], "destination": "hook", "artifact": "receipt"}
    for change, place in (
        ({}, "schema"),
        ({"schema": "EpicDeliverable"}, "schema"),
        ({"schema": "DeliveryRecord", "inputs": []}, "inputs"),
        ({"schema": "DeliveryRecord", "destination": None}, "destination"),
        ({"schema": "DeliveryRecord", "destination": "gone"}, "destination"),
        ({"schema": "DeliveryRecord", "kind": "kind-a"}, "destination"),
    ):
        with pytest.raises(Invalid) as refused:
            await engine.define(
                Phase.model_validate({"name": "a", "kind": "kind-a"} | THING),
                Phase.model_validate(good | change),
            )
        assert refused.value.details["place"] == f"phases[1].{place}"


async def test_a_snapshot_from_before_there_were_destinations_is_read(engine: Engine) -> None:
    run = await prepare(engine, "https://example.org")
    async with engine.database.transaction() as session:
        row = await session.get_one(DefinitionSnapshot, run.snapshot)
    old = [
        {field: value for field, value in phase.items() if field != "destination"}
        for phase in row.body["phases"]
    ]
    assert Snapshot.model_validate({**row.body, "phases": old}).phases[1].destination is None


@contextmanager
def dying_after(name: str) -> Iterator[None]:
    """The process ends right after this effect."""

    def hit(effect: str, done: bool) -> None:
        if effect == name and done:
            raise Death

    failpoints.install(hit)
    try:
        yield
    finally:
        failpoints.install(None)


async def execute(engine: Engine, statement: str) -> None:
    async with engine.database.transaction() as session:
        await session.execute(text(statement))
