"""Asks a model the same questions in every mode, with and without thinking, and stores what holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import get_args

from app.db import Database
from app.limits.limits import CallLimits
from app.llm.backends import pick
from app.llm.errors import LLMDisabled
from app.llm.probing import store
from app.llm.probing.asking import Asker, call_of
from app.llm.probing.case import Case
from app.llm.probing.figures import Asked, Capability, capability
from app.llm.survey import server_version
from app.llm.types import Backend, BackendName, Call, Mode, Profile
from app.settings import Settings
from app.usage.prices import PriceBook
from app.usage.recorder import UsageRecorder

WITHOUT_TOOLS: tuple[Mode, ...] = ("grammar", "prompt")
MODES_OF: dict[BackendName, tuple[Mode, ...]] = dict.fromkeys(
    ("anthropic", "ollama", "openai"), get_args(Mode)
)
"""Backends of other packages are not asked with a tool."""


@dataclass(frozen=True)
class Step:
    """The call that is about to be made."""

    number: int
    """Counted from 0; those of a mode that is of no use are passed over."""
    of: int
    call: Call


@dataclass(frozen=True)
class Found:
    """A whole probe of one model."""

    capabilities: tuple[Capability, ...]
    cost_usd: Decimal | None
    """None: at least one call has an unknown price."""


Watch = Callable[[Step], None]


class Prober:
    """The only caller of models beside `LLMCaller`: it wants answers as they came, good or bad."""

    def __init__(
        self,
        settings: Settings,
        backends: Mapping[BackendName, Backend],
        database: Database,
        recorder: UsageRecorder,
        book: PriceBook,
        limits: CallLimits | None = None,
    ) -> None:
        self._settings = settings
        self._backends = backends
        self._database = database
        self._recorder = recorder
        self._book = book
        self._limits = limits

    async def probe(
        self, profile: Profile, cases: Sequence[Case], *, repeat: int = 1, watch: Watch = lambda _: None
    ) -> Found:
        """Ask everything, and write it in place of the last probe of this model on this server version.

        Raises the `LLMError` of a server that is gone or lacks the model. Then nothing is stored, since half
        a probe says nothing; and neither does one without a single answer.
        """
        if self._settings.llm_disabled:
            raise LLMDisabled("model calls are switched off (WORKBENCH_LLM_DISABLED)")
        backend = pick(self._backends, profile.backend)
        version = await server_version(backend)
        asker = Asker(self._settings, backend, self._recorder, await self._book.current(), self._limits)
        modes = modes_of(profile.backend)
        if not profile.is_paid:  # a server of one's own may load the model first, which is no latency
            await asker.ask(call_of(profile, cases[0], modes[0], thinks=False), cases[0])
        rounds = [(mode, thinks) for thinks in (False, True) for mode in modes]
        found = []
        for place, (mode, thinks) in enumerate(rounds):
            calls = [call_of(profile, case, mode, thinks=thinks) for case in cases] * repeat
            steps = [
                Step(place * len(calls) + number, len(rounds) * len(calls), call)
                for number, call in enumerate(calls)
            ]
            asked = await _round(asker, steps, list(cases) * repeat, watch)
            found.append(_figures(profile, version, mode, thinks, asked))
        if any(one.answered for one in found):
            async with self._database.transaction() as session:
                await store.replace(session, found)
        return Found(tuple(found), asker.cost_usd)


def modes_of(backend: BackendName) -> tuple[Mode, ...]:
    """The modes that a model of this backend is asked in."""
    return MODES_OF.get(backend, WITHOUT_TOOLS)


async def _round(asker: Asker, steps: Sequence[Step], cases: Sequence[Case], watch: Watch) -> list[Asked]:
    """Every question in one mode, unless the mode turns out to be of no use."""
    asked: list[Asked] = []
    for step, case in zip(steps, cases, strict=True):
        watch(step)
        asked.append(await asker.ask(step.call, case))
        if asked[-1].ends_mode:
            break
    return asked


def _figures(profile: Profile, version: str, mode: Mode, thinks: bool, asked: Sequence[Asked]) -> Capability:
    return capability(
        profile.backend, profile.model, version, mode, thinks=thinks, calls=asked, at=datetime.now(UTC)
    )
