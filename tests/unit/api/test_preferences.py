"""How long a caller is ready to wait."""

from __future__ import annotations

import pytest

from app.api.preferences import wait_s


@pytest.mark.parametrize(
    ("prefer", "expected"),
    [
        (None, 60),
        ("respond-async", 0),
        ("Respond-Async, wait=5", 0),
        ("wait=5", 5),
        ('wait="5"', 5),
        ("wait=5; foo=bar", 5),
        ("wait=100000", 60),
        ("wait=-1", 60),
        ("wait=soon", 60),
        ("return=minimal, wait=3", 3),
        ("", 60),
    ],
)
def test_a_preference_shortens_the_wait(prefer: str | None, expected: float) -> None:
    assert wait_s(prefer, default=60, most=60) == expected
