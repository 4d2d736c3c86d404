"""Which patterns are sent: those that every grammar reads as the full schema does."""

from __future__ import annotations

import pytest

from app.llm.dialects.pattern import is_plain


@pytest.mark.parametrize(
    "pattern",
    [
        "^a$",
        "^[A-Z]{2}-[0-9]+$",
        "^(a|b)+c?$",
        r"^\.\(x\)$",
        "^[a-z_.-]*$",
        "^v[0-9]+(,[0-9]+){0,3}$",
        "^a b/c$",
    ],
)
def test_a_plain_pattern_is_sent(pattern: str) -> None:
    assert is_plain(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "", "^", "$", "^$", "a", "^a", "a$", "^a|b$", "^.$", "^.*$", "^[^a]$", r"^\d$", r"^\w+$", r"^\bx$",
        "^(?=a)a$", "^(?:a)$", "^(a$", "^a)$", "^()$", "^(|a)$", "^(a|)$", "^*$", "^a**$", "^a+?$",
        "^a{101}$", "^a{3,2}$", "^[z-a]$", "^[A-z]$", "^[0-z]$", '^"$', '^["]$', r"^\\$", r"^[\d]$", "^[]$",
        "^a$b$", "^a^$", "^é$", "^a\n$", "^a{$", r"^(a)\1$", "^" + "a" * 200 + "$", r"^a\$",
    ],
)  # fmt: skip
def test_any_other_pattern_is_left_to_the_full_schema(pattern: str) -> None:
    assert not is_plain(pattern)
