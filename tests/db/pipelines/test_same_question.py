"""A run that is resumed asks the very same question: keys in another order would be paid again."""

from __future__ import annotations

from app.tables import Target
from tests.db.software import ARCHITECTURE, EPIC, Shop, Team


async def asked(shop: Shop, *targets: Target) -> str:
    """What the developer is asked in a run that is taken once for each target."""
    team = Team(pm=[EPIC], architect=[ARCHITECTURE], developer=["no"] * 3)
    run = await shop.services.pipelines.create("Greet", definition="software", project="shop")
    for target in targets:
        await shop.services.pipelines.start(run.id, target)
        await shop.walk(run, team)
    return team.asked("developer")[0].messages[0].content


async def test_a_question_does_not_depend_on_which_worker_made_the_artifacts_before_it(shop: Shop) -> None:
    by_one = await asked(shop, Target.END)
    assert "acceptance_criteria" in by_one
    assert by_one == await asked(shop, Target.STEP, Target.STEP, Target.END)
