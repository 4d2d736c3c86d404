"""How every backend stands: what its server says, what the ledger says, and what probes found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from app.db import Database
from app.llm.capabilities import newest, order
from app.llm.errors import (
    AuthenticationFailed,
    BackendDown,
    ContextOverflow,
    DeadlineExceeded,
    ModelNotFound,
    OutOfCredit,
    Overloaded,
    RateLimited,
    ReplyLost,
    RequestRefused,
)
from app.llm.health import Circuit, Circuits
from app.llm.probing import store
from app.llm.probing.figures import Capability
from app.llm.survey import Answered, survey
from app.llm.types import Backend, BackendName, Mode
from app.pipelines import routing
from app.settings import Settings
from app.tables import ModelProfile
from app.usage.faults import Fault, last_faults

SERVER_ERRORS = frozenset(
    kind.code
    for kind in (
        AuthenticationFailed,
        BackendDown,
        ContextOverflow,
        DeadlineExceeded,
        ModelNotFound,
        OutOfCredit,
        Overloaded,
        RateLimited,
        ReplyLost,
        RequestRefused,
    )
)
"""Outcomes that say something about a server; an answer that was no good says something about its model."""
LISTS_ALL = frozenset({"ollama", "openai"})
"""Their list of models has every name that they take."""

Freshness = Literal["never", "fresh", "stale", "unchecked"]
"""Of a probe: `stale`, its server has another version now; `unchecked`, nobody knows which it has."""


@dataclass(frozen=True)
class Probed:
    """A profile, and what is known of its model."""

    profile: str
    model: str
    offered: bool | None
    """Whether the server has the model; None: it does not say."""
    freshness: Freshness
    server_version: str | None
    """That was probed."""
    probed_at: datetime | None
    modes: tuple[Mode, ...]
    """The profile's calls are asked in these, best first."""


@dataclass(frozen=True)
class Standing:
    answered: Answered
    circuit: Circuit
    """In this process."""
    last_fault: Fault | None
    profiles: tuple[Probed, ...]


async def standings(
    settings: Settings, database: Database, backends: Mapping[BackendName, Backend], circuits: Circuits
) -> list[Standing]:
    """Every backend by name. The servers are asked side by side, and no transaction is open meanwhile."""
    async with database.transaction() as session:
        profiles = await routing.profiles(session)
        probes = newest(await store.every(session))
        faults = await last_faults(session, SERVER_ERRORS)
    return [
        Standing(
            answered,
            circuits.state(answered.backend),
            faults.get(answered.backend),
            tuple(
                _probed(profile, answered, probes.get((profile.backend, profile.model), ()))
                for profile in profiles
                if profile.backend == answered.backend
            ),
        )
        for answered in sorted(await survey(settings, backends), key=lambda one: one.backend)
    ]


def _probed(profile: ModelProfile, answered: Answered, found: Sequence[Capability]) -> Probed:
    model = profile.model
    known = {*answered.models, *(name.removesuffix(":latest") for name in answered.models)}
    return Probed(
        profile=profile.name,
        model=model,
        offered=model in known if answered.condition == "up" and answered.backend in LISTS_ALL else None,
        freshness=_freshness(answered.version, found),
        server_version=found[0].server_version if found else None,
        probed_at=max((one.probed_at for one in found), default=None),
        modes=order([one for one in found if one.thinks == (profile.think != "off")]),
    )


def _freshness(version: str | None, found: Sequence[Capability]) -> Freshness:
    if not found:
        return "never"
    if version is None:
        return "unchecked"
    return "fresh" if version == found[0].server_version else "stale"
