"""Providers cache the beginning of a prompt: it must be the same to the byte wherever it may be."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from app.pipelines import definitions
from app.pipelines.definition import Definition
from app.services import open_services
from app.settings import Settings
from app.worker import create_worker
from tests.stub.server import Stub
from tests.stub.shapes import Shape

EPIC = {"title": "T", "goal": "G", "user_stories": ["As a b, I want c"], "acceptance_criteria": ["d"]}
PHASE = {"kind": "llm", "role": "architect", "schema": "EpicDeliverable", "route": "light"}
TWICE = Definition.model_validate(
    {
        "name": "twice",
        "description": "The same role asked twice",
        "phases": [
            {**PHASE, "name": "first", "artifact": "draft"},
            {**PHASE, "name": "second", "artifact": "epic", "inputs": ["draft"]},
        ],
    }
)


async def asked_by_a_run(settings: Settings) -> None:
    async with open_services(settings) as services:
        async with services.database.transaction() as session:
            await definitions.save(session, TWICE, services.kinds, by_person=True)
        stop = asyncio.Event()
        working = asyncio.create_task(create_worker(services).work(stop))
        run = await services.pipelines.create("An epic", definition="twice", profile="claude")
        await services.pipelines.start(run.id)
        ended = await services.pipelines.wait_until_still(run.id)
        stop.set()
        await working
        assert (ended.state, ended.error) == ("succeeded", None)


def prefix(body: dict[str, Any]) -> str:
    """What the cache of Claude looks at: all up to its mark, and the schema, which is part of the prompt."""
    assert body["system"][-1]["cache_control"] == {"type": "ephemeral"}
    return json.dumps([body.get("tools"), body["system"], body["output_config"]])


async def test_two_phases_of_one_role_send_the_same_prefix_to_the_byte(
    database_url: str, state_dir: Path
) -> None:
    async with Stub("anthropic", Shape(text=json.dumps(EPIC))) as stub:
        await asked_by_a_run(
            Settings(
                database_url=database_url,
                state_dir=state_dir,
                demo=True,
                anthropic_api_key="sk-test",
                anthropic_base_url=stub.url,
                _env_file=None,
            )
        )
    first, second = (request.body for request in stub.requests)
    assert prefix(first) == prefix(second)
    assert first["messages"] != second["messages"]
