"""What is left of a run's workspace when the run has ended."""

from __future__ import annotations

from tests.db.software import BROKEN, SHOUT, Shop, Team, code


async def test_a_run_that_committed_leaves_no_workspace_behind(shop: Shop) -> None:
    run = await shop.run(Team(developer=[code(SHOUT)]))
    assert run.state == "succeeded"
    assert not shop.workspace(run).parents[1].exists()


async def test_a_run_that_failed_leaves_its_files_to_be_looked_at(shop: Shop) -> None:
    run = await shop.run(Team(developer=[code(BROKEN), code(BROKEN)]))
    assert run.state == "failed"
    assert (shop.workspace(run) / "shop/greeting.py").read_text() == BROKEN["shop/greeting.py"]
