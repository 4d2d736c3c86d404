"""How many tokens a text is likely to cost, before anything is sent."""

from __future__ import annotations

BYTES_PER_TOKEN = 3.5
"""English prose and code run at about 4 bytes a token; the lower figure errs on the high side."""


def estimate_tokens(text: str) -> int:
    """An estimate that errs high, never a bill: UTF-8 bytes by 3.5, rounded up."""
    return tokens_of_bytes(len(text.encode("utf-8", "surrogatepass")))


def tokens_of_bytes(size: int) -> int:
    """The same estimate for a text that is known by its size in bytes only."""
    return -(-size * 2 // int(BYTES_PER_TOKEN * 2))
