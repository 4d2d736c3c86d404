"""The demo's epic, answered over real sockets by each vendor's SDK against the loopback stub."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from app.artifacts import store as artifacts
from app.seeding.demo import CASSETTE, SAMPLE_EPIC
from app.services import open_services
from app.settings import Settings
from app.usage import reports
from app.worker import create_worker
from app.workspace.repository import branch_commit, open_repository
from tests.stub.script import entries
from tests.stub.server import Stub

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


async def run_to_the_end(settings: Settings, profile: str) -> tuple[dict[str, Any], reports.Bill]:
    """The artifacts and the bill of one successful run."""
    async with open_services(settings) as services:
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
