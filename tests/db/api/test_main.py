"""The application's life: first token, worker, greeting, drain, and a start that fails."""

from __future__ import annotations

import asyncio
import logging
import signal
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from app.db import Database
from app.errors import Unavailable
from app.main import create
from app.settings import Settings
from app.tables import ApiToken, WorkerRow

EPIC = {"epic_description": "Add health check endpoint"}


@asynccontextmanager
async def started(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    app = create(settings)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", timeout=60) as client,
    ):
        yield client


async def test_the_first_start_writes_an_admin_token_that_others_can_not_read(
    settings: Settings, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    file = settings.state_dir / "admin.token"
    with caplog.at_level(logging.INFO):
        async with started(settings) as client:
            token = file.read_text().strip()
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            headers = {"authorization": f"Bearer {token}"}
            assert (await client.get("/tokens", headers=headers)).json()[0]["role"] == "admin"
            assert (await client.get("/tokens")).status_code == 401
    assert str(file) in caplog.text
    assert token not in caplog.text
    assert token not in "".join(capsys.readouterr())
    assert list(file.parent.glob(".admin*")) == []


async def test_the_next_start_makes_no_other_token(settings: Settings, database: Database) -> None:
    for _ in range(2):
        async with started(settings):
            written = (settings.state_dir / "admin.token").read_text()
    async with database.transaction() as session:
        assert len((await session.scalars(ApiToken.__table__.select())).all()) == 1
    assert written.startswith("workbench_")


async def test_without_authentication_no_token_is_made(settings: Settings) -> None:
    async with started(settings.model_copy(update={"auth": "off"})) as client:
        assert (await client.get("/tokens")).json() == []
    assert not (settings.state_dir / "admin.token").exists()


async def test_one_worker_runs_in_the_process_and_says_good_bye(
    settings: Settings, database: Database
) -> None:
    async with started(settings.model_copy(update={"auth": "off"})) as client:
        path = (await client.post("/pipelines", json=EPIC)).headers["location"]
        assert (await client.post(f"{path}/advance")).status_code == 200
    async with database.transaction() as session:
        assert (await session.scalars(WorkerRow.__table__.select())).all() == []


async def test_the_sandbox_is_tested_in_the_background_and_readyz_tells(settings: Settings) -> None:
    async with started(settings.model_copy(update={"auth": "off"})) as client:
        sandbox = (await client.get("/readyz")).json()["checks"]["sandbox"]
        while sandbox["ok"] is None:
            await asyncio.sleep(0)
            sandbox = (await client.get("/readyz")).json()["checks"]["sandbox"]
    assert "sandbox" in sandbox["message"] or sandbox["ok"] is False


async def test_a_worker_that_has_ended_makes_the_service_unready_and_is_in_the_log(
    settings: Settings, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    async with database.transaction() as session:
        await session.execute(text("DROP TABLE workers"))
    async with started(settings.model_copy(update={"auth": "off"})) as client:
        answered = await client.get("/readyz")
        while "has ended" not in answered.text:
            answered = await client.get("/readyz")
    assert "the worker of this process has ended" in caplog.text
    assert answered.status_code == 503
    assert "has ended" in answered.json()["checks"]["worker"]["message"]


async def test_what_a_person_should_know_is_said(
    settings: Settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_ADVANCE_WAITS", "1")
    with caplog.at_level(logging.INFO):
        async with started(settings.model_copy(update={"auth": "off", "llm_disabled": True})):
            pass
    for words in (
        "authentication is OFF",
        "Demo:",
        "WORKBENCH_LLM_DISABLED is set",
        "did you mean WORKBENCH_ADVANCE_WAIT_S?",
    ):
        assert words in caplog.text


async def test_a_signal_ends_streams_and_reaches_the_handler_before(settings: Settings) -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: seen.append(number))
    try:
        async with started(settings.model_copy(update={"auth": "off"})) as client:
            path = (await client.post("/pipelines", json=EPIC)).headers["location"]
            listening = asyncio.create_task(
                client.get(f"{path}/events", headers={"accept": "text/event-stream"})
            )
            await asyncio.sleep(0)
            signal.raise_signal(signal.SIGTERM)
            assert (await listening).status_code == 200
            assert (await client.get("/readyz")).json()["checks"]["stopping"]["ok"] is False
        assert seen == [signal.SIGTERM]
        assert callable(signal.getsignal(signal.SIGTERM))
    finally:
        signal.signal(signal.SIGTERM, before)


async def test_a_start_that_fails_for_a_known_reason_says_the_reason_alone(state_dir: Path) -> None:
    url = "postgresql://nobody@127.0.0.1:1/none"
    app = create(Settings(database_url=url, state_dir=state_dir, _env_file=None))
    sent: list[dict[str, str]] = []

    async def receive() -> dict[str, str]:
        return {"type": "lifespan.startup"}

    async def send(message: dict[str, str]) -> None:
        sent.append(message)

    with pytest.raises(Unavailable):
        await app({"type": "lifespan", "state": {}}, receive, send)
    assert sent[0]["type"] == "lifespan.startup.failed"
    assert sent[0]["message"].startswith("the database does not answer")
    assert "Traceback" not in sent[0]["message"]
