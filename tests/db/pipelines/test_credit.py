"""An account without credit makes a run wait; somebody tops it up, and it goes on."""

from __future__ import annotations

from app.llm.errors import OutOfCredit
from app.pipelines import waits
from app.pipelines.waits import Verdict
from app.tables import Decision
from tests.db.software import SHOUT, Shop, Team, code


async def test_a_run_waits_for_credit_as_often_as_it_has_to(shop: Shop) -> None:
    empty = OutOfCredit("the account has no credit")
    team = Team(developer=[empty, empty, code(SHOUT)])
    run = await shop.run(team)
    for round_ in range(2):
        assert (run.state, run.reason) == ("waiting", "budget")
        async with shop.services.database.transaction() as session:
            [wait] = [one for one in await waits.of_run(session, run.id) if one.decision == Decision.OPEN]
        assert (wait.subject, wait.round, wait.details["why"]) == ("recorded", round_, empty.message)
        verdict = Verdict(True, "somebody", "topped up", wait.content_sha256)
        await shop.services.pipelines.decide(run.id, verdict)
        await shop.walk(run, team)
        run = await shop.services.pipelines.get(run.id)
    assert run.state == "succeeded"
