"""Where a run goes after a phase, for every ending and every wish."""

from __future__ import annotations

from itertools import product

import pytest

from app.pipelines.moves import Move, Standing, Wishes, after
from app.pipelines.phases.kind import Ask, PhaseResult
from app.pipelines.snapshot import PhaseSpec, Snapshot
from app.pipelines.states import MOVES
from app.tables import Asked, Outcome, State, Target, WaitReason


def phase(name: str, on_reject: str | None = None, max_rework: int = 0) -> PhaseSpec:
    """A phase of which only its way back counts."""
    return PhaseSpec.model_construct(name=name, kind="x", on_reject=on_reject, max_rework=max_rework)


SNAPSHOT = Snapshot.model_construct(
    definition="small", phases=(phase("a"), phase("b", on_reject="a", max_rework=2), phase("c"))
)
FIRST, MIDDLE, LAST = (Standing(position, 1) for position in range(3))
ISSUES = ({"source": "b", "text": "too long"},)
RESULTS = [
    *(PhaseResult(outcome, issues=ISSUES) for outcome in Outcome),
    PhaseResult(Outcome.WAITING, asks=Ask(WaitReason.EVENT, "a")),
]
WISHES = [Wishes(*wishes) for wishes in product(Target, (None, *Asked), (False, True))]


def move(at: Standing, outcome: Outcome, rejections: int = 0, **wishes: object) -> Move:
    result = PhaseResult(outcome, issues=ISSUES, detail={"code": "broken", "message": "it broke"})
    return after(SNAPSHOT, at, result, rejections, Wishes(**wishes))  # type: ignore[arg-type]


@pytest.mark.parametrize("wishes", WISHES, ids=str)
def test_every_move_after_a_phase_is_a_move_of_the_table(wishes: Wishes) -> None:
    for at, result, rejections in product((FIRST, MIDDLE, LAST), RESULTS, range(4)):
        to = after(SNAPSHOT, at, result, rejections, wishes)
        assert to.state is State.RUNNING or to.state in MOVES[State.RUNNING]
        assert 0 <= to.at.position <= len(SNAPSHOT.phases)
        assert (to.at.position == len(SNAPSHOT.phases)) == (to.state is State.SUCCEEDED)
        assert to.at.round - at.round in (0, 1)
        assert (to.error is not None) == (to.state is State.FAILED)
        assert (to.reason is not None) == (to.state in (State.PAUSED, State.WAITING))
        assert (to.event is None) == to.goes_on


def test_a_phase_that_passed_leads_to_the_next_and_the_last_one_to_success() -> None:
    assert move(FIRST, Outcome.PASSED) == Move(State.RUNNING, Standing(1, 1))
    assert move(LAST, Outcome.PASSED) == Move(State.SUCCEEDED, Standing(3, 1))


@pytest.mark.parametrize("outcome", [Outcome.REJECTED, Outcome.SUSPECT])
def test_a_rejection_leads_back_in_a_new_round_until_the_cap(outcome: Outcome) -> None:
    assert move(MIDDLE, outcome, 2) == Move(State.RUNNING, Standing(0, 2))
    failed = move(MIDDLE, outcome, 3)
    assert (failed.state, failed.at) == (State.FAILED, MIDDLE)
    assert failed.error == {
        "phase": "b",
        "code": outcome.value,
        "message": "b did not pass after 2 reworks: too long",
    }


def test_a_rejection_with_no_way_back_fails_the_run() -> None:
    failed = move(FIRST, Outcome.REJECTED, 1)
    assert failed.error is not None
    assert failed.error["message"] == "a did not pass: too long"


def test_a_failure_tells_its_phase_code_and_message() -> None:
    failed = move(MIDDLE, Outcome.FAILED)
    assert (failed.state, failed.at) == (State.FAILED, MIDDLE)
    assert failed.event == ("failed", {"error": {"phase": "b", "code": "broken", "message": "it broke"}})


@pytest.mark.parametrize("outcome", Outcome)
def test_a_cancel_ends_the_run_however_the_phase_ended(outcome: Outcome) -> None:
    assert move(LAST, outcome, asked=Asked.CANCEL) == Move(State.CANCELLED, LAST)


@pytest.mark.parametrize("outcome", [Outcome.PASSED, Outcome.REJECTED])
def test_a_step_or_a_pause_stops_before_the_next_phase(outcome: Outcome) -> None:
    step = move(MIDDLE, outcome, 1, target=Target.STEP, asked=Asked.PAUSE)
    assert (step.state, step.reason) == (State.PAUSED, "step")
    pause = move(MIDDLE, outcome, 1, asked=Asked.PAUSE, draining=True)
    assert (pause.state, pause.reason) == (State.PAUSED, "user")
    assert step.at == pause.at == move(MIDDLE, outcome, 1).at


def test_a_pause_does_not_keep_the_last_phase_from_succeeding() -> None:
    assert move(LAST, Outcome.PASSED, asked=Asked.PAUSE, target=Target.STEP).state is State.SUCCEEDED


def test_a_draining_worker_hands_the_run_back_with_its_next_phase() -> None:
    assert move(FIRST, Outcome.PASSED, draining=True) == Move(State.QUEUED, Standing(1, 1))


def test_an_abandoned_phase_is_begun_anew_unless_somebody_wants_a_pause() -> None:
    assert move(MIDDLE, Outcome.ABANDONED) == Move(State.QUEUED, MIDDLE)
    assert move(MIDDLE, Outcome.ABANDONED, target=Target.STEP) == Move(State.QUEUED, MIDDLE)
    assert move(MIDDLE, Outcome.ABANDONED, asked=Asked.PAUSE) == Move(State.PAUSED, MIDDLE, "user")


def test_a_phase_that_waits_says_for_what() -> None:
    asks = PhaseResult(Outcome.WAITING, asks=Ask(WaitReason.ACCESS, "network"))
    waiting = after(SNAPSHOT, MIDDLE, asks, 0, Wishes())
    assert waiting == Move(State.WAITING, MIDDLE, "access")
    assert waiting.event == ("waiting", {"reason": "access"})
