"""What an improvement does, from a goal or from a list of epics."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.errors import WorkbenchError
from app.pipelines.improvements.order import ImprovementOrder, check, epics_of


@pytest.mark.parametrize(
    ("order", "inputs", "is_repeated"),
    [
        ({"goal": "g"}, ["g"], False),
        ({"goal": "g", "count": 3}, ["g"] * 3, True),
        ({"epics": ("a", "b", "c")}, ["a", "b", "c"], False),
        ({"epics": ("a", "b", "c"), "count": 2}, ["a", "b"], False),
        ({"epics": ("a", "b"), "count": 9}, ["a", "b"], False),
    ],
)
def test_an_order_says_how_often_what_is_done(
    order: dict[str, Any], inputs: list[str], is_repeated: bool
) -> None:
    made = ImprovementOrder(**order)
    check(made)
    assert (made.inputs(), made.is_repeated) == (inputs, is_repeated)


@pytest.mark.parametrize(
    ("order", "place"),
    [
        ({}, "goal"),
        ({"goal": "g", "epics": ("a",)}, "goal"),
        ({"goal": "g" * 10_001}, "goal"),
        ({"goal": "g", "count": 0}, "count"),
        ({"epics": ("a",) * 1001}, "count"),
        ({"goal": "g", "max_failures": 0}, "max_failures"),
        ({"goal": "g", "max_usd": Decimal(0)}, "max_usd"),
        ({"goal": "g", "max_tokens": 0}, "max_tokens"),
        ({"epics": ("a", " ")}, "epics[1]"),
    ],
)
def test_a_fault_is_refused_with_its_place(order: dict[str, Any], place: str) -> None:
    with pytest.raises(WorkbenchError) as refused:
        check(ImprovementOrder(**order))
    assert refused.value.details["place"] == place


def test_a_file_holds_one_epic_a_line() -> None:
    assert epics_of(["Add a", "", "# later", "  Add b  "]) == ("Add a", "Add b")
