"""Chooses and explains routes by what the rows, or the files, and the settings say now."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy.ext.asyncio import AsyncSession

from app.llm.types import BackendName, Profile
from app.pipelines.choosing import Chosen, choose
from app.pipelines.configuration import ConfigurationSource
from app.pipelines.explaining import Circumstances, Explanation, explain
from app.pipelines.snapshot import Policy
from app.settings import Settings
from app.usage import prices


class Router:
    """Where a task goes, and why."""

    def __init__(
        self, source: ConfigurationSource, settings: Settings, backends: Collection[BackendName]
    ) -> None:
        self._source = source
        self._settings = settings
        self._backends = backends

    async def choose(self, session: AsyncSession, text: str, task: str | None = None) -> Chosen:
        """The route of a task; see `choosing.choose`."""
        routes = await self._source.routes(session)
        return choose(text, task, routes, await self._source.keywords(session))

    async def explain(
        self, session: AsyncSession, text: str, task: str | None, policy: Policy
    ) -> Explanation:
        """All about the choice. No server is asked: that a key is set says nothing about who answers."""
        chosen = await self.choose(session, text, task)
        names = {chosen.route.profile, *(step.profile for step in chosen.route.cascade)}
        profiles = {name: await self._source.profile(session, name) for name in sorted(names)}
        missing = {profile.backend: why for profile in profiles.values() if (why := self._missing(profile))}
        now = Circumstances(policy, self._settings.vram_gb, missing, await prices.read(session))
        return explain(text, chosen, profiles, now)

    def _missing(self, profile: Profile) -> str | None:
        if profile.backend not in self._backends:
            return f"no backend {profile.backend!r} here"
        if self._settings.llm_disabled:
            return "model calls are switched off (WORKBENCH_LLM_DISABLED)"
        if profile.backend == "anthropic" and self._settings.anthropic_api_key is None:
            return "no key: set WORKBENCH_ANTHROPIC_API_KEY"
        return None
