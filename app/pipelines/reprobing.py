"""Probes local models again whose server has another version than when they were probed last."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from app.db import Database
from app.errors import WorkbenchError
from app.llm.capabilities import Capabilities, newest
from app.llm.probing import store
from app.llm.probing.case import Case
from app.llm.probing.prober import Prober
from app.llm.survey import UNKNOWN_VERSION, server_version
from app.llm.types import Backend, BackendName, Profile
from app.pipelines import routing
from app.pipelines.rows import as_profile
from app.pipelines.turns import is_ours
from app.settings import Settings

log = logging.getLogger(__name__)

EVERY_S = 3600.0
CHORE = "probe"


class Reprober:
    """Only free models, and only those that a person had probed: nothing is paid or loaded unasked."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        backends: Mapping[BackendName, Backend],
        prober: Prober,
        capabilities: Capabilities,
        cases: Callable[[], Sequence[Case]],
    ) -> None:
        self._settings = settings
        self._database = database
        self._backends = backends
        self._prober = prober
        self._capabilities = capabilities
        self._cases = cases

    async def tick(self) -> int:
        """How many models were probed, one after the other. A server that is down has its turn later."""
        if self._settings.llm_disabled or not await is_ours(self._database, CHORE, EVERY_S):
            return 0
        probed = 0
        stale = await self._stale()
        cases = self._cases() if stale else ()
        for profile in stale:
            try:
                await self._prober.probe(profile, cases)
                probed += 1
            except WorkbenchError as error:
                log.warning("the model %s could not be probed again: %s", profile.model, error.message)
        if probed:
            self._capabilities.forget()
            log.info("probed %d models again: their servers have another version", probed)
        return probed

    async def _stale(self) -> list[Profile]:
        """One profile for each model whose server has changed."""
        async with self._database.transaction() as session:
            probes = newest(await store.every(session))
            profiles = [as_profile(row) for row in await routing.profiles(session)]
        local = {(one.backend, one.model): one for one in profiles if not one.is_paid}
        versions = {name: await self._version(name) for name in sorted({name for name, _ in probes})}
        return [
            local[model]
            for model, found in probes.items()
            if model in local and versions[model[0]] not in (None, found[0].server_version)
        ]

    async def _version(self, name: BackendName) -> str | None:
        """None: it is down, or not here."""
        if name not in self._backends:
            return None
        version = await server_version(self._backends[name])
        return None if version == UNKNOWN_VERSION else version
