"""The response cache over REST."""

from __future__ import annotations

from decimal import Decimal

import httpx

from app.llm.types import Answer, Call, Message, Profile
from app.services import Services
from app.usage.cost import Cost
from app.usage.recorder import CallRecord, UsageRecorder
from app.usage.tokens import Tokens

PROFILE = Profile("local", "ollama", "qwen")


async def test_what_is_kept_is_shown_and_forgotten(services: Services, api: httpx.AsyncClient) -> None:
    record = CallRecord("ask", "", 0, 0, "ollama", "local", "qwen", "ask", "a" * 64, 1, "b" * 64)
    paid = await UsageRecorder(services.database).open(record, tokens=1, cost=Cost(Decimal(0), "local"))
    call = Call(PROFILE, "s", (Message("user", "t"),), "Epic", {"type": "object"})
    assert await services.cache.put(call, Answer("{}", Tokens(input=1), "qwen"), paid)
    shown = (await api.get("/cache")).json()
    assert shown.pop("bytes") > 0
    assert shown == {"entries": 1, "days": 30, "hits": 0, "saved_tokens": 0, "saved_usd": 0}
    assert (await api.delete("/cache")).json() == {"removed": 1}
    assert (await api.get("/cache")).json()["entries"] == 0
