"""The demo's epic, answered over real sockets by each vendor's SDK against the loopback stub."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.artifacts import store as artifacts
from app.artifacts.registry import schema
from app.llm.channels import channel
from app.pipelines import routing
from app.pipelines.profile import ProfileChange
from app.seeding.demo import CASSETTE, SAMPLE_EPIC
from app.services import open_services
from app.settings import Settings
from app.usage import reports
from app.worker import create_worker
from app.workspace.repository import branch_commit, open_repository
from tests.stub.script import entries
from tests.stub.server import Stub
from tests.stub.shapes import Shape

PROFILES = {"anthropic": "claude", "ollama": "ollama-code", "openai": "lmstudio"}


def settings_for(stub: Stub, **given: Any) -> Settings:
    """Demo settings whose backends all lead to the stub."""
    return Settings(
        demo=True,
        anthropic_api_key="sk-test",
        anthropic_base_url=stub.url,
        ollama_host=stub.url,
        openai_base_url=stub.url,
        _env_file=None,
        **given,
    )


async def run_to_the_end(
    settings: Settings, profile: str, change: ProfileChange | None = None
) -> tuple[dict[str, Any], reports.Bill]:
    """The artifacts and the bill of one successful run."""
    async with open_services(settings) as services:
        if change is not None:
            async with services.database.transaction() as session:
                await routing.change_profile(session, profile, change)
        stop = asyncio.Event()
        working = asyncio.create_task(create_worker(services).work(stop))
        run = await services.pipelines.create(SAMPLE_EPIC, profile=profile)
        await services.pipelines.start(run.id)
        ended = await services.pipelines.wait_until_still(run.id)
        stop.set()
        await working
        assert (ended.state, ended.error) == ("succeeded", None)
        async with services.database.transaction() as session:
            return await artifacts.current(session, run.id), await reports.total(session, run.id)


@pytest.mark.parametrize("protocol", PROFILES)
async def test_an_epic_becomes_a_commit_over_the_wire(
    protocol: str, database_url: str, state_dir: Path
) -> None:
    async with Stub(protocol, script=entries(CASSETTE)) as stub:
        settings = settings_for(stub, database_url=database_url, state_dir=state_dir)
        made, bill = await run_to_the_end(settings, PROFILES[protocol])
    assert bill.tokens == stub.bill
    assert bill.calls == len(stub.requests)
    repository = state_dir / "demo" / "orders service"
    opened = await open_repository(repository)
    assert await branch_commit(opened, made["commit"]["branch"]) == made["commit"]["commit"]


async def test_a_run_that_was_recorded_can_be_replayed(database_url: str, state_dir: Path) -> None:
    cassette = state_dir / "recorded.jsonl"
    where = {"database_url": database_url, "state_dir": state_dir}
    async with Stub("ollama", script=entries(CASSETTE)) as stub:
        recorded, bill = await run_to_the_end(
            settings_for(stub, record_to=cassette, **where), PROFILES["ollama"]
        )
        asked = len(stub.requests)
        replayed, again = await run_to_the_end(settings_for(stub, cassette=cassette, **where), "recorded")
        assert len(stub.requests) == asked
    assert replayed["code"] == recorded["code"]
    assert again.tokens == bill.tokens


async def test_the_same_epic_written_as_blocks_becomes_the_same_code(
    database_url: str, state_dir: Path
) -> None:
    where = {"database_url": database_url, "state_dir": state_dir}
    script = [in_blocks(shape) for shape in entries(CASSETTE)]
    async with Stub("ollama", script=script) as stub:
        blocks = ProfileChange(code_channel="blocks")
        made, _ = await run_to_the_end(settings_for(stub, **where), PROFILES["ollama"], blocks)
    recorded, _ = await run_to_the_end(settings_for(stub, **where), "recorded")
    assert made["code"] == recorded["code"]
    free = [request.body for request in stub.requests if "format" not in request.body]
    answered = script[: len(stub.requests)]
    assert len(free) == sum(shape.text.startswith("```json") for shape in answered) > 1
    for body in free:
        assert "Output first the manifest" in body["messages"][0]["content"]


def in_blocks(shape: Shape) -> Shape:
    """The same answer, its files as blocks where it has files."""
    document = json.loads(shape.text)
    if "test_files" not in document:
        return shape
    form = schema("DeveloperDeliverable").json_schema()
    return replace(shape, text=channel("blocks").write(document, form))
