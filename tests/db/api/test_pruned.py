"""What the API says of a run whose history was pruned."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import httpx

from app.pipelines.retention.policy import Policy
from app.pipelines.retention.pruner import Pruner
from app.services import Services
from tests.db.api.conftest import EPIC

AT_ONCE = Policy(history=timedelta(0), results=timedelta(0))


async def test_a_pruned_run_says_since_when_and_has_no_events(
    services: Services, api: httpx.AsyncClient, tmp_path: Path
) -> None:
    path = (await api.post("/pipelines", json=EPIC)).headers["location"]
    await api.post(f"{path}/cancel")
    before = (await api.get(path)).json()
    assert before["pruned_at"] is None
    assert (await api.get(f"{path}/events")).json() != []

    assert (await Pruner(services.database, tmp_path, AT_ONCE, temporary=tmp_path).prune()).runs == 1
    after = (await api.get(path)).json()
    assert after == {**before, "pruned_at": after["pruned_at"]}
    assert after["pruned_at"] is not None
    assert (await api.get(f"{path}/events")).json() == []
    stream = await api.get(f"{path}/events", headers={"accept": "text/event-stream"})
    assert stream.status_code == 204


async def test_a_pruned_batch_says_since_when_and_that_its_items_are_gone(
    services: Services, api: httpx.AsyncClient, tmp_path: Path
) -> None:
    body = {"inputs": ["one", "two"], "definition": "software-small"}
    path = (await api.post("/batches", json=body)).headers["location"]
    await api.post(f"{path}/cancel")
    before = (await api.get(path)).json()
    assert before["pruned_at"] is None
    assert len((await api.get(f"{path}/items")).json()["items"]) == 2

    assert (await Pruner(services.database, tmp_path, AT_ONCE, temporary=tmp_path).prune()).items == 2
    after = (await api.get(path)).json()
    assert after == {**before, "pruned_at": after["pruned_at"], "items_per_minute": 0}
    for part in ("items", "results"):
        gone = await api.get(f"{path}/{part}")
        assert (gone.status_code, gone.json()["code"]) == (410, "gone")
        assert "WORKBENCH_KEEP_RESULTS_DAYS" in gone.json()["detail"]
        assert gone.json()["details"]["pruned_at"] is not None
