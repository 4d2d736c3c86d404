"""The states of a run and the moves between them."""

from __future__ import annotations

from itertools import product

import pytest

from app.errors import Conflict
from app.pipelines.states import MOVES, TERMINAL, check_move
from app.tables import State

ALLOWED = {
    "created": "queued cancelled",
    "queued": "running paused failed cancelled",
    "running": "queued paused waiting succeeded failed cancelled",
    "paused": "queued cancelled",
    "waiting": "queued paused failed cancelled",
    "succeeded": "",
    "failed": "",
    "cancelled": "",
}


@pytest.mark.parametrize(("current", "to"), list(product(State, State)))
def test_a_run_may_make_the_moves_of_the_table_and_no_other(current: State, to: State) -> None:
    if to.value in ALLOWED[current.value].split():
        check_move(current, to)
        return
    with pytest.raises(Conflict) as refusal:
        check_move(current, to)
    assert current.value in refusal.value.message
    assert refusal.value.details["state"] == current


def test_every_state_has_moves_or_is_the_end() -> None:
    assert set(MOVES) == set(State)
    assert {"succeeded", "failed", "cancelled"} == TERMINAL


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_a_finished_run_says_that_a_new_one_is_needed(state: State) -> None:
    with pytest.raises(Conflict, match="start a new one"):
        check_move(state, State.QUEUED)


def test_every_state_can_be_reached_from_the_first() -> None:
    reached, edge = {State.CREATED}, {State.CREATED}
    while edge:
        edge = {to for state in edge for to in MOVES[state]} - reached
        reached |= edge
    assert reached == set(State)
