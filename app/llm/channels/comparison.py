"""Asks for the same code in every channel several times, and tallies what came back."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from app.llm.channels import CHANNELS
from app.llm.channels.channel import Channel
from app.llm.errors import LLMDisabled, LLMError, MissingKey


@dataclass(frozen=True)
class Asked:
    """A valid answer, re-asks included."""

    reasks: int
    output_tokens: int


Ask = Callable[[Channel, int], Awaitable[Asked]]
"""Asks the task in a channel until the answer is valid; the number is that of the round, from 0.

Raises an `LLMError` when none was: `InvalidAnswer` for the model's fault. What it cost may be in `tokens`.
"""


@dataclass(frozen=True)
class Tally:
    """What one channel did."""

    channel: str
    asked: int
    valid: int
    at_once: int
    """Valid with no re-ask."""
    reasks: int
    """Of the valid answers together."""
    output_tokens: int
    """Of all answers together, where a failure says what it took."""
    seconds: tuple[float, ...]
    """How long each question took, re-asks included."""
    failures: Mapping[str, int]
    """Error code → how often, such as `invalid_answer` or `truncated`."""

    @property
    def median_s(self) -> float:
        return median(self.seconds) if self.seconds else 0.0


@dataclass(frozen=True)
class Comparison:
    tallies: tuple[Tally, ...]

    @property
    def best(self) -> str | None:
        """The channel with most valid answers, then fewest tokens; None: none was valid, or no difference."""
        ranked = sorted(self.tallies, key=_rank)
        if not ranked or not ranked[0].valid or (len(ranked) > 1 and _rank(ranked[0]) == _rank(ranked[1])):
            return None
        return ranked[0].channel


async def compare(
    ask: Ask,
    rounds: int,
    *,
    channels: Sequence[Channel] = tuple(CHANNELS.values()),
    clock: Callable[[], float] = time.monotonic,
) -> Comparison:
    """One question at a time, the channels in turn, the first one another each round: caches favour none.

    A failed question is tallied. Raises `LLMDisabled` and `MissingKey`, which no other round would mend.
    """
    trials: dict[str, list[_Trial]] = {channel.name: [] for channel in channels}
    for number in range(rounds):
        turn = number % len(channels)
        for channel in (*channels[turn:], *channels[:turn]):
            trials[channel.name].append(await _try(ask, channel, number, clock))
    return Comparison(tuple(_tally(name, found) for name, found in trials.items()))


@dataclass(frozen=True)
class _Trial:
    seconds: float
    output_tokens: int
    asked: Asked | None
    failure: str | None = None


async def _try(ask: Ask, channel: Channel, number: int, clock: Callable[[], float]) -> _Trial:
    started = clock()
    try:
        asked = await ask(channel, number)
    except (LLMDisabled, MissingKey):
        raise
    except LLMError as error:
        tokens = error.tokens.output if error.tokens else 0
        return _Trial(clock() - started, tokens, None, error.code)
    return _Trial(clock() - started, asked.output_tokens, asked)


def _tally(name: str, trials: Sequence[_Trial]) -> Tally:
    valid = [trial.asked for trial in trials if trial.asked is not None]
    return Tally(
        channel=name,
        asked=len(trials),
        valid=len(valid),
        at_once=sum(asked.reasks == 0 for asked in valid),
        reasks=sum(asked.reasks for asked in valid),
        output_tokens=sum(trial.output_tokens for trial in trials),
        seconds=tuple(trial.seconds for trial in trials),
        failures=dict(Counter(trial.failure for trial in trials if trial.failure is not None)),
    )


def _rank(tally: Tally) -> tuple[int, int, int]:
    return (-tally.valid, -tally.at_once, tally.output_tokens)
