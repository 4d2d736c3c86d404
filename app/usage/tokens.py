"""Tokens of one model call, by the classes that are billed apart."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tokens:
    """Counts of one answer. `input` excludes cached tokens; `output` includes thinking.

    `cache_write` includes `cache_write_1h`, which the provider keeps for an hour instead of 5 minutes.
    """

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    thinking: int = 0
    cache_write_1h: int = 0

    @property
    def total_input(self) -> int:
        return self.input + self.cache_read + self.cache_write

    @property
    def total(self) -> int:
        """What a budget of tokens counts."""
        return self.total_input + self.output

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(
            self.input + other.input,
            self.cache_read + other.cache_read,
            self.cache_write + other.cache_write,
            self.output + other.output,
            self.thinking + other.thinking,
            self.cache_write_1h + other.cache_write_1h,
        )
