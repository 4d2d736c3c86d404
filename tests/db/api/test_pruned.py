"""What the API says of a run whose history was pruned."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import httpx

from app.pipelines.retention.policy import Policy
from app.pipelines.retention.pruner import Pruner
from app.services import Services
from tests.db.api.conftest import EPIC

AT_ONCE = Policy(history=timedelta(0), workspaces=None)


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
