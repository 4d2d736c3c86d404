"""A process that asks: `python -m tests.e2e.reconciliation.asker URL PROTOCOL STUB ROUND PLACE…`.

One question for each place, many at once. Its ledger rows carry the place and the round, so that they can be
told apart; it ends by itself, or is killed.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from app.db import Database
from app.errors import WorkbenchError
from app.llm.backends import create_backends
from app.llm.caller import LLMCaller
from app.llm.request import Patience, Request
from app.llm.types import CallKey, Profile
from app.settings import Settings
from app.usage.budget import Allowance, Defaults
from app.usage.recorder import UsageRecorder

AT_ONCE = 12
PRICES = {"input": 3.0, "output": 15.0, "cache_read": 0.3, "cache_write": 3.75}
AMPLE = Defaults(day=Allowance(usd=Decimal(1_000_000), tokens=10**12))
"""So much that no call is refused: what is counted in it is compared."""


class Verdict:
    """The form of the stub's answers."""

    name = "Verdict"

    def json_schema(self) -> dict[str, Any]:
        properties = {"verdict": {"type": "string"}, "notes": {"type": "array", "items": {"type": "string"}}}
        return {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }

    def validate(self, data: Any) -> Any:
        return data


def item(place: int, round_: int) -> str:
    """Marks a question in the ledger, and in the text that the stub gets."""
    return f"question {place:06} round {round_}"


async def ask(url: str, protocol: str, stub: str, round_: int, places: Sequence[int]) -> None:
    settings = Settings(
        anthropic_api_key="sk-test",
        anthropic_base_url=stub,
        ollama_host=stub,
        openai_base_url=stub,
        api_timeout_s=30,
        local_timeout_s=30,
        _env_file=None,
    )
    database, backends = Database(url), create_backends(settings)
    caller = LLMCaller(
        settings, backends, UsageRecorder(database, AMPLE), Patience(attempts=4, backoff_s=0.001)
    )
    waiting = list(reversed(places))

    async def work() -> None:
        while waiting:
            try:
                await caller.ask(_request(protocol, item(waiting.pop(), round_)))
            except WorkbenchError:
                continue  # the ledger says what became of it

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    for backend in backends.values():
        await backend.close()
    await database.close()


def _request(protocol: str, mark: str) -> Request:
    return Request(
        profile=Profile("p", protocol, "tiny", max_output_tokens=1000, price_usd_per_mtok=PRICES),
        role="judge",
        system="You judge.",
        task=f"{mark}: is all well?",
        schema=Verdict(),
        key=CallKey(phase="judge", item=mark),
        prompt_digest="a" * 64,
        repair=_repair,
    )


async def _repair(errors: Sequence[str]) -> str:
    return "; ".join(errors)


if __name__ == "__main__":
    url, protocol, stub, round_, *places = sys.argv[1:]
    asyncio.run(ask(url, protocol, stub, int(round_), [int(place) for place in places]))
