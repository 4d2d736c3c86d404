"""The demo's epic, answered over real sockets by each vendor's SDK against the loopback stub."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app.artifacts import store as artifacts
from app.seeding.demo import CASSETTE, SAMPLE_EPIC
from app.services import open_services
from app.settings import Settings
from app.usage import reports
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


@pytest.mark.parametrize("protocol", PROFILES)
async def test_an_epic_becomes_a_commit_over_the_wire(
    protocol: str, database_url: str, state_dir: Path
) -> None:
    script = [shape for shape in entries(CASSETTE)][:8]
    async with (
        Stub(protocol, script=script) as stub,
        open_services(settings_for(stub, database_url=database_url, state_dir=state_dir)) as services,
    ):
        stop = asyncio.Event()
        working = asyncio.create_task(services.worker().work(stop))
        run = await services.pipelines.create(SAMPLE_EPIC, profile=PROFILES[protocol])
        await services.pipelines.start(run.id)
        ended = await services.pipelines.wait_until_still(run.id)
        stop.set()
        await working
        async with services.database.transaction() as session:
            made = await artifacts.current(session, run.id)
            bill = await reports.total(session, run.id)
    assert (ended.state, ended.error) == ("succeeded", None)
    assert bill.tokens == stub.bill
    assert bill.calls == len(stub.requests)
    repository = state_dir / "demo" / "orders service"
    log = subprocess.run(
        ["git", "-C", repository, "log", "-1", "--format=%H", made["commit"]["branch"]],
        capture_output=True,
        text=True,
        check=True,
    )
    assert log.stdout.strip() == made["commit"]["commit"]
