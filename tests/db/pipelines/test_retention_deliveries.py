"""Records of deliveries go with the history of a run that can not send any more; the receipts stay."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.pipelines.retention.policy import Policy, Pruned
from app.pipelines.retention.pruner import Pruner
from app.tables import Delivery, DeliveryState, Pipeline, State
from tests.db.past import FINISHED, Past

MONTH = Policy(history=timedelta(days=30))


def pruner(past: Past, folder: Path, policy: Policy = MONTH) -> Pruner:
    return Pruner(past.database, folder, policy, temporary=folder)


async def send(past: Past, run: Pipeline, state: DeliveryState = DeliveryState.SENT) -> None:
    async with past.database.transaction() as session:
        number = await session.scalar(select(func.count()).select_from(Delivery))
        session.add(
            Delivery(
                pipeline_id=run.id, phase="post", round=0, destination="hook", payload_digest="a" * 64,
                idempotency_key=f"{number:064x}", state=state,
                sent_at=func.now() if state is DeliveryState.SENT else None,
            )
        )  # fmt: skip


@pytest.mark.parametrize("delivery", DeliveryState)
@pytest.mark.parametrize("state", sorted(FINISHED))
async def test_a_finished_run_keeps_them_as_long_as_its_history(
    past: Past, tmp_path: Path, state: State, delivery: DeliveryState
) -> None:
    old, young = [await past.run(state, days_ago=days, events=0, rows=False) for days in (31, 29)]
    for run in (old, old, young):
        await send(past, run, delivery)
    seen = await pruner(past, tmp_path).preview()
    assert seen == await pruner(past, tmp_path).prune() == Pruned(runs=1, deliveries=2)
    assert [await past.count(Delivery, run) for run in (old, young)] == [0, 1]


@pytest.mark.parametrize("state", sorted(set(State) - FINISHED))
async def test_a_run_that_may_send_again_keeps_the_key_under_which_it_sent(
    past: Past, tmp_path: Path, state: State
) -> None:
    run = await past.run(state, days_ago=4000, rows=False)
    await send(past, run)
    assert await pruner(past, tmp_path, Policy(history=timedelta(0))).prune() == Pruned()
    assert await past.count(Delivery, run) == 1
