"""A caller over backends that answer as a list says, and what it wrote down."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import select

from app.artifacts.registry import schema
from app.db import Database
from app.llm.caller import LLMCaller
from app.llm.request import Patience, Request
from app.llm.types import Answer, BackendName, Call, CallKey, Profile
from app.settings import Settings
from app.tables import PromptUsage
from app.usage.budget import Defaults
from app.usage.recorder import UsageRecorder
from app.usage.tokens import Tokens
from tests.db.scripted import soon

EPIC = {
    "title": "T",
    "goal": "Know it runs",
    "user_stories": ["As a b, I want c"],
    "acceptance_criteria": ["d"],
}
GOOD = json.dumps(EPIC)
BAD = json.dumps({**EPIC, "title": ""})
SPENT = Tokens(input=100, output=10)
Reaction = str | Answer | Exception | Callable[[Call], Awaitable[str]]


class Answering:
    """A backend that answers as its list says, and keeps the calls it got."""

    def __init__(self, *answers: Reaction, name: BackendName = "ollama") -> None:
        self.name = name
        self._answers = list(answers)
        self.calls: list[Call] = []

    async def answer(self, call: Call) -> Answer:
        self.calls.append(call)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Answer):
            return answer
        return Answer(answer if isinstance(answer, str) else await answer(call), SPENT, "a model", "req-1")

    async def models(self) -> list[str]:
        return ["a model"]

    async def version(self) -> str:
        return ""

    async def close(self) -> None:
        return None


PROFILE = Profile("local", "ollama", "qwen")
PAID = Profile("paid", "anthropic", "claude-sonnet-4-5")


def request(**values: Any) -> Request:
    async def repair(errors: Sequence[str]) -> str:
        return "wrong: " + "; ".join(errors)

    return Request(
        **{
            "profile": PROFILE,
            "role": "pm",
            "system": "You are the PM",
            "task": "Write the epic",
            "schema": schema("EpicDeliverable"),
            "key": CallKey(epic="An epic", phase="pm"),
            "prompt_digest": "a" * 64,
            "repair": repair,
            **values,
        }
    )


class Clock:
    """Seconds that pass when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Asking:
    """A caller with these backends, and what it wrote down."""

    def __init__(
        self,
        database: Database,
        *backends: Answering,
        parts: Mapping[str, Any] | None = None,
        budgets: Defaults | None = None,
        **settings: Any,
    ) -> None:
        """`parts` are those that a caller may have: cache, circuits, capabilities, limits, prices."""
        self._database = database
        self.caller = LLMCaller(
            Settings(_env_file=None, **settings),
            {backend.name: backend for backend in backends},
            UsageRecorder(database, budgets),
            Patience(attempts=3, backoff_s=0),
            **(parts or {}),
        )

    async def ask(self, asked: Request) -> Any:
        return await soon(self.caller.ask(asked))

    async def ledger(self) -> list[PromptUsage]:
        async with self._database.transaction() as session:
            return list(await session.scalars(select(PromptUsage).order_by(PromptUsage.id)))

    async def outcomes(self) -> list[str]:
        return [row.outcome for row in await self.ledger()]
