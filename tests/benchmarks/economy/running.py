"""Runs a recorded epic through the real engine and keeps what was asked and answered."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from app.llm.caller import LLMCaller
from app.llm.types import Answer, Backend, Call
from app.pipelines.phases.llm import LlmPhase
from app.pipelines.states import State
from app.services import Services
from app.usage.recorder import UsageRecorder
from app.worker import work_on
from tests.benchmarks.economy.epics import Epic


@dataclass(frozen=True)
class Turn:
    """One question and its answer."""

    call: Call
    answer: str

    @property
    def place(self) -> tuple[str, int]:
        return self.call.key.phase, self.call.key.round


@dataclass
class Listening:
    """A backend that remembers what another one was asked and what it answered."""

    backend: Backend
    turns: list[Turn] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.backend.name

    async def answer(self, call: Call) -> Answer:
        answer = await self.backend.answer(call)
        self.turns.append(Turn(call, answer.text))
        return answer

    async def models(self) -> list[str]:
        return await self.backend.models()

    async def close(self) -> None:
        await self.backend.close()


async def run(services: Services, epic: Epic) -> list[Turn]:
    """The turns of a run that ended in a commit. Raises `RuntimeError` when it did not."""
    listening = Listening(services.backends["recorded"])
    caller = LLMCaller(services.settings, {"recorded": listening}, UsageRecorder(services.database))
    kinds = {**services.kinds, "llm": LlmPhase(caller, services.renderer, services.settings.state_dir)}
    run = await services.pipelines.create(epic.description, definition="software")
    await services.pipelines.start(run.id, wake_up=False)
    await work_on(replace(services, kinds=kinds), run.id, asyncio.Event())
    ended = await services.pipelines.get(run.id)
    if ended.state != State.SUCCEEDED:
        raise RuntimeError(f"the {epic.size} epic is {ended.state}: {ended.error or ended.reason}")
    return listening.turns
