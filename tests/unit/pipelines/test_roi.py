"""What is measured beside what is assumed, and when the start is paid."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.errors import Invalid
from app.pipelines.scoreboard.roi import Before, roi

BEFORE = Before()


def test_without_a_succeeded_epic_nothing_is_said() -> None:
    found = roi(BEFORE, epics=0, tokens=5_000, usd=Decimal(1), unpriced=0, seconds=0)
    assert (found.tokens, found.usd, found.break_even, found.hours) == (None, None, None, None)


def test_succeeded_epics_carry_what_failed_ones_cost() -> None:
    found = roi(BEFORE, epics=2, tokens=60_000, usd=Decimal("0.6"), unpriced=0, seconds=7200)
    assert (found.tokens, found.usd, found.hours) == (30_000, Decimal("0.3"), 1.0)


def test_by_hand_costs_the_assumed_tokens_at_the_measured_price_times_the_premium() -> None:
    found = roi(BEFORE, epics=1, tokens=20_000, usd=Decimal("0.2"), unpriced=0, seconds=0)
    assert found.usd_before == (Decimal("3.45"), Decimal("8.00"))
    assert found.tokens_saved == pytest.approx((1 - 20 / 115, 1 - 20 / 160))


def test_the_start_is_paid_after_as_many_epics_as_save_it() -> None:
    found = roi(BEFORE, epics=1, tokens=20_000, usd=Decimal("0.2"), unpriced=0, seconds=0)
    assert found.break_even == (3, 7)  # 20 / 7.80 and 20 / 3.25, rounded up


def test_what_costs_as_much_as_by_hand_is_never_paid() -> None:
    dear = roi(BEFORE, epics=1, tokens=600_000, usd=Decimal(6), unpriced=0, seconds=0)
    assert dear.break_even is None
    assert dear.usd_before is not None


@pytest.mark.parametrize(("usd", "unpriced"), [(Decimal(0), 0), (Decimal(1), 1)], ids=["free", "unpriced"])
def test_without_a_price_no_dollars_are_compared(usd: Decimal, unpriced: int) -> None:
    found = roi(BEFORE, epics=1, tokens=20_000, usd=usd, unpriced=unpriced, seconds=0)
    assert (found.usd_before, found.break_even) == (None, None)
    assert found.tokens_saved is not None


@pytest.mark.parametrize(
    "wrong",
    [
        {"tokens_low": 0},
        {"tokens_low": 2, "tokens_high": 1},
        {"premium_high": Decimal(1)},
        {"hours_low": 13.0},
        {"bootstrap_usd": Decimal(-1)},
    ],
)
def test_an_assumption_that_can_not_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(Invalid):
        Before(**wrong)  # type: ignore[arg-type]
