"""The estimate of tokens before a call."""

from app.usage.estimate import estimate_tokens, tokens_of_bytes


def test_an_estimate_is_bytes_by_three_and_a_half_rounded_up():
    assert [estimate_tokens(text) for text in ("", "a", "a" * 7, "a" * 8)] == [0, 1, 2, 3]


def test_letters_of_more_bytes_count_for_more():
    assert estimate_tokens("é" * 7) == 4


def test_a_text_known_by_its_size_alone_gets_the_same_estimate():
    assert tokens_of_bytes(len(b"x" * 1001)) == estimate_tokens("x" * 1001)
