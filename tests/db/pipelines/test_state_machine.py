"""Any order of requests, endings, deaths and take-overs: a run makes the moves of the table and no other."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy.exc import OperationalError

from app.db import Database
from app.errors import Conflict
from app.pipelines import invariants
from app.pipelines.orchestrator import LeaseTerms, PhaseExecutionOrchestrator
from app.pipelines.phases.kind import Ask, PhaseContext, PhaseResult, Waiting
from app.pipelines.retrying import Again
from app.pipelines.states import MOVES, TERMINAL
from app.pipelines.waits import Verdict
from app.pipelines.walk import FREE_LOSSES
from app.pipelines.work import Patience
from app.tables import Outcome, State, Target, WaitReason
from tests.db.scripted import Engine, Scripted, open_engine, rejected, soon

EXAMPLES = int(os.environ.get("WORKBENCH_TEST_EXAMPLES", "12"))
STEPS = 20
CAP = 3
PHASES = 3
SENT_BACK = (Outcome.REJECTED, Outcome.SUSPECT)
ENDINGS = (Outcome.PASSED, *SENT_BACK, Outcome.FAILED, Outcome.WAITING, Outcome.ABANDONED)


class Hand:
    """A worker whose phases end when the test says so."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine, self._name = engine, name
        self._entered = asyncio.Event()
        self._ending: asyncio.Future[Outcome] | None = None
        self._orchestrator: PhaseExecutionOrchestrator | None = None
        self._draining = asyncio.Event()
        self.task: asyncio.Task[Any] | None = None

    async def run(self, context: PhaseContext) -> PhaseResult:
        self._ending = asyncio.get_running_loop().create_future()
        self._entered.set()
        match ending := await self._ending:
            case Outcome.WAITING:
                raise Waiting(Ask(WaitReason.ACCESS, "network", round=context.phase_run_id))
            case Outcome.ABANDONED:
                raise OperationalError("SELECT", {}, Exception("gone"))
            case _:
                return rejected("no", outcome=ending) if ending in SENT_BACK else PhaseResult(ending)

    def check(self, draft: object) -> list[tuple[str, str]]:
        return []

    @property
    def is_busy(self) -> bool:
        return self.task is not None and not self.task.done()

    async def take(self, pipeline_id: Any) -> None:
        await self.close()
        terms = LeaseTerms(600, CAP, patience=Patience(drain_s=0))
        kinds = {f"kind-{letter}": self for letter in "abc"}
        self._draining = asyncio.Event()
        self._orchestrator = PhaseExecutionOrchestrator(
            self._engine.database, kinds, self._name, terms, self._engine.listener
        )
        self._entered.clear()
        self.task = asyncio.create_task(self._orchestrator.handle(pipeline_id, self._draining))
        await self._settle()

    async def end(self, outcome: Outcome) -> None:
        self._entered.clear()
        assert self._ending is not None
        self._ending.set_result(outcome)
        await self._settle()

    async def drain(self) -> None:
        self._draining.set()
        await self.at_rest()

    async def die(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    async def at_rest(self) -> None:
        if self.task is not None:
            await soon(asyncio.wait({self.task}))

    async def close(self) -> None:
        await self.die()
        if self._orchestrator is not None:
            await self._orchestrator.close()

    async def _settle(self) -> None:
        """Until a phase is under way, or the walk is over."""
        assert self.task is not None
        entered = asyncio.create_task(self._entered.wait())
        await soon(asyncio.wait({self.task, entered}, return_when=asyncio.FIRST_COMPLETED))
        entered.cancel()


@dataclass
class Oracle:
    """What the run has to be, kept by the rules of the specification alone."""

    state: State = State.CREATED
    reason: str | None = None
    asked: str | None = None
    target: Target = Target.END
    position: int = 0
    round: int = 0
    attempts: int = 0
    losses: int = 0
    """How often the phase that is next has lost the database."""
    sent_back: int = 0
    holder: Hand | None = None
    """Who has the newest fence, and may be dead."""
    expired: bool = False
    passed: list[State] = field(default_factory=lambda: [State.CREATED])

    def go(self, state: State, reason: str | None = None) -> None:
        if state is not self.state:
            assert state in MOVES[self.state], f"{self.state} → {state}"
            self.passed.append(state)
        self.state, self.reason = state, reason
        if state is not State.RUNNING:
            self.holder = None
            self.asked = self.asked if state is State.WAITING else None

    def take(self, by: Hand) -> None:
        if not (self.state is State.QUEUED or (self.state is State.RUNNING and self.expired)):
            return
        self.go(State.RUNNING)
        self.holder, self.expired = by, False
        self.attempts += 1
        if self.asked == "cancel":
            self.attempts -= self.attempts <= CAP  # a pick-up that only ends it is none
            self.go(State.CANCELLED)
        elif self.attempts > CAP:
            self.go(State.FAILED)
        elif self.asked == "pause":
            self.attempts -= 1
            self.go(State.PAUSED, "user")

    def end(self, outcome: Outcome) -> None:
        if outcome is not Outcome.ABANDONED:
            self.attempts = self.losses = 0
        last, middle = self.position == PHASES - 1, self.position == 1
        self.sent_back += middle and outcome in SENT_BACK
        match outcome:
            case Outcome.PASSED:
                self.position += 1
                self.go(State.SUCCEEDED) if last else self._onwards()
            case Outcome.WAITING:
                self.go(State.WAITING, "access")
            case Outcome.ABANDONED:
                self.go(*((State.PAUSED, "user") if self.asked else (State.QUEUED, None)))
            case Outcome.REJECTED | Outcome.SUSPECT if middle and self.sent_back == 1:
                self.position, self.round = 0, self.round + 1
                self._onwards()
            case _:
                self.go(State.FAILED)

    def _onwards(self) -> None:
        if self.target is Target.STEP:
            self.go(State.PAUSED, "step")
        elif self.asked == "pause":
            self.go(State.PAUSED, "user")


class Machine(RuleBasedStateMachine):
    """One run, two workers, and a person who asks for this and that."""

    runner: asyncio.Runner
    engine: Engine

    def __init__(self) -> None:
        super().__init__()
        self.hands = {name: Hand(self.engine, name) for name in ("one", "two")}
        self.oracle = Oracle()
        self.run = self.do(self.engine.create(*[Scripted()] * PHASES, b={"on_reject": "a", "max_rework": 1}))

    def do(self, work: Awaitable[Any]) -> Any:
        async def done() -> Any:
            return await work

        return self.runner.run(done())

    def asks(self, call: Callable[..., Awaitable[Any]], *values: Any, allowed: bool) -> bool:
        """Whether it was accepted; a refused call raises `Conflict` and changes nothing."""
        if allowed:
            self.do(call(self.run.id, *values))
            return True
        before = self.do(self.engine.everything())
        with pytest.raises(Conflict, match=r"\w"):
            self.do(call(self.run.id, *values))
        assert self.do(self.engine.everything()) == before
        return False

    @rule(target_=st.sampled_from(Target))
    def start(self, target_: Target) -> None:
        allowed = self.oracle.state in (State.CREATED, State.PAUSED)
        if self.asks(self.engine.service.start, target_, allowed=allowed):
            self.oracle.target = target_
            self.oracle.go(State.QUEUED)

    @rule()
    def pause(self) -> None:
        oracle = self.oracle
        allowed = oracle.state is State.QUEUED or (oracle.state is State.RUNNING and oracle.asked is None)
        if not self.asks(self.engine.service.pause, allowed=allowed):
            return
        if oracle.state is State.RUNNING:
            oracle.asked = "pause"
        else:
            oracle.go(State.PAUSED, "user")

    @rule()
    def resume(self) -> None:
        oracle = self.oracle
        back = oracle.asked == "pause"
        if not self.asks(self.engine.service.resume, allowed=back or oracle.state is State.PAUSED):
            return
        oracle.asked = None
        if not back:
            oracle.target = Target.END
            oracle.go(State.QUEUED)

    @rule()
    def cancel(self) -> None:
        oracle = self.oracle
        allowed = oracle.state not in TERMINAL and oracle.asked != "cancel"
        if not self.asks(self.engine.service.cancel, allowed=allowed):
            return
        if oracle.state is not State.RUNNING:
            oracle.go(State.CANCELLED)
            return
        oracle.asked = "cancel"
        alive = oracle.holder is not None and oracle.holder.is_busy
        for hand in self.hands.values():  # all who hold it hear of it, those who lost it too
            self.do(hand.at_rest())
        if alive:
            oracle.attempts = 0
            oracle.go(State.CANCELLED)

    @rule(granted=st.booleans())
    def decide(self, granted: bool) -> None:
        verdict = Verdict(granted, "somebody")
        if self.asks(self.engine.service.decide, verdict, allowed=self.oracle.state is State.WAITING):
            wants_pause = self.oracle.asked == "pause"
            self.oracle.go(*((State.PAUSED, "user") if wants_pause else (State.QUEUED, None)))

    @rule()
    def retry(self) -> None:
        before = self.do(self.engine.service.get(self.run.id))
        if self.asks(self.engine.service.retry, Again(), allowed=self.oracle.state in TERMINAL):
            after = self.do(self.engine.service.get(self.run.id))
            assert (after.event_count, after.updated_at) == (before.event_count, before.updated_at)

    @rule(name=st.sampled_from(("one", "two")))
    def take(self, name: str) -> None:
        hand = self.hands[name]
        if not hand.is_busy:
            self.do(hand.take(self.run.id))
            self.oracle.take(hand)

    @rule(name=st.sampled_from(("one", "two")), outcome=st.sampled_from(ENDINGS))
    def end_phase(self, name: str, outcome: Outcome) -> None:
        hand = self.hands[name]
        if hand.is_busy:
            self.do(hand.end(outcome))
            if self.oracle.holder is hand:
                if outcome is Outcome.ABANDONED:
                    self.oracle.attempts -= self.oracle.losses < FREE_LOSSES
                    self.oracle.losses += 1
                self.oracle.end(outcome)

    @rule(name=st.sampled_from(("one", "two")))
    def drain(self, name: str) -> None:
        hand = self.hands[name]
        if hand.is_busy:
            self.do(hand.drain())
            if self.oracle.holder is hand:
                self.oracle.attempts -= 1
                self.oracle.end(Outcome.ABANDONED)

    @rule(name=st.sampled_from(("one", "two")))
    def die(self, name: str) -> None:
        self.do(self.hands[name].die())

    @precondition(lambda self: self.oracle.state is State.RUNNING)
    @rule()
    def expire(self) -> None:
        self.do(self.engine.expire(self.run))
        self.oracle.expired = True

    @invariant()
    def it_is_where_it_has_to_be(self) -> None:
        run = self.do(self.engine.service.get(self.run.id))
        oracle = self.oracle
        is_ = (run.state, run.reason, run.asked, run.position, run.round, run.attempts)
        has_to_be = (
            oracle.state,
            oracle.reason,
            oracle.asked,
            oracle.position,
            oracle.round,
            oracle.attempts,
        )
        assert is_ == has_to_be
        assert (run.finished_at is not None) == (oracle.state in TERMINAL)
        assert (run.worker is not None) == (oracle.state is State.RUNNING)
        assert all(state not in TERMINAL for state in oracle.passed[:-1])
        events = self.do(self.engine.events(run.id))
        assert [event.seq for event in events] == list(range(1, run.event_count + 1))
        running = [outcome for _, outcome in self.do(self.engine.outcomes(run.id)) if outcome == "running"]
        assert len(running) <= (oracle.state is State.RUNNING)

    def teardown(self) -> None:
        for hand in self.hands.values():
            self.do(hand.close())
        assert self.do(invariants.check(self.engine.database, repositories=False)) == []


def test_a_run_makes_only_the_moves_of_the_table_whatever_happens_to_it(database_url: str) -> None:
    with asyncio.Runner() as runner:
        database = Database(database_url)
        opening = open_engine(database)
        Machine.runner, Machine.engine = runner, runner.run(opening.__aenter__())
        try:
            run_state_machine_as_test(
                Machine,
                settings=settings(
                    max_examples=EXAMPLES,
                    stateful_step_count=STEPS,
                    deadline=None,
                    database=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(opening.__aexit__(None, None, None))
            runner.run(database.close())
