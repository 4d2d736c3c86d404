"""What a run will take: its prompts as they would be, its answers as they were."""

from __future__ import annotations

from decimal import Decimal

from app.pipelines.estimating import Estimate
from app.services import Services
from app.usage.estimate import estimate_tokens
from tests.db.software import Shop, Team, code

EPIC = "Greet in capitals"
ENDED = """
    INSERT INTO pipelines (id, epic_description, definition, snapshot, state, finished_at, round, target,
      position, attempts, fence, event_count)
    SELECT gen_random_uuid(), 'e', 'tiny', snapshot, 'succeeded', now(), {reworks}, 'end', 0, 0, 0, 0
    FROM pipelines LIMIT 1
    RETURNING id
"""
ANSWER = """
    INSERT INTO pipeline_prompt_usage (pipeline_id, phase, item, round, step, backend, profile, model, role,
      prompt_digest, request_digest, reserved_tokens, reserved_usd, input_tokens, cache_read_tokens,
      cache_write_tokens, output_tokens, cost_usd, price_version, outcome, settled_at)
    VALUES (%s, 'developer', '', 0, %s, 'b', 'p', 'm', 'developer', repeat('a', 64), repeat('a', 64), 1, 0,
      10, 0, 0, %s, 0, 'v', 'ok', now())
"""


async def estimate(shop: Shop, definition: str, profile: str | None = "claude") -> Estimate:
    estimator = shop.services.estimator
    return await estimator.estimate(EPIC, definition=definition, project="shop", profile=profile)


async def test_without_a_past_answers_are_a_share_of_what_the_phase_may_write(shop: Shop) -> None:
    found = await estimate(shop, "software")
    assert [one.phase for one in found.phases] == ["pm", "architect", "developer", "qa"]
    assert (found.runs, [one.samples for one in found.phases]) == (0, [0] * 4)
    assert (found.phases[0].output_tokens.expected, found.phases[0].output_tokens.high) == (375, 1500)
    assert all(one.is_rendered for one in found.phases)


async def test_the_low_figure_is_never_above_the_expected_one_nor_that_above_the_high_one(shop: Shop) -> None:
    found = await estimate(shop, "software")
    assert found.usd is not None
    for each in (found.tokens, found.usd, *(one.tokens for one in found.phases)):
        assert 0 < each.low <= each.expected <= each.high


async def test_the_prompt_is_the_one_that_the_run_sends(shop: Shop) -> None:
    found = await estimate(shop, "tiny", None)
    shout = {"shop/new.py": "NEW = 1\n", "tests/test_new.py": "def test_new():\n    assert 1\n"}
    team = Team(developer=[code(shout)])
    await shop.run(team, epic=EPIC)
    [call] = team.asked("developer")
    sent = sum(map(estimate_tokens, (call.system, *(message.content for message in call.messages))))
    schema = found.phases[0].input_tokens - sent
    assert 0 < schema < 2_000, "what is left is the schema, which is sent beside the prompt"


async def test_a_local_model_costs_nothing(shop: Shop) -> None:
    found = await estimate(shop, "software", "recorded")
    assert found.usd is not None
    assert found.usd.high == Decimal(0)


async def test_the_past_says_how_long_answers_are_and_how_often_they_come_again(shop: Shop) -> None:
    await shop.services.pipelines.create(EPIC, definition="tiny", project="shop")
    async with shop.services.database.connection() as connection:
        for reworks, outputs in enumerate([(100,), (200, 100), (500,)]):
            row = await (await connection.execute(ENDED.format(reworks=reworks).encode())).fetchone()
            assert row is not None
            for step, output in enumerate(outputs):
                await connection.execute(ANSWER, (row[0], step, output))
    found = await estimate(shop, "tiny")
    [developer] = found.phases
    assert (found.runs, found.reworks, developer.samples) == (3, 1.0, 3)
    assert developer.output_tokens.expected == 300, "the answers of one round count together"
    assert developer.tokens.low == developer.input_tokens + 300
    asked = round(developer.input_tokens * 4 / 3)
    assert developer.tokens.expected == 2 * (asked + 300)


async def test_nothing_is_asked_of_a_model(services: Services, shop: Shop) -> None:
    await estimate(shop, "software")
    async with services.database.connection() as connection:
        counted = await (await connection.execute("SELECT count(*) FROM pipeline_prompt_usage")).fetchone()
    assert counted == (0,)
