"""A run that a budget stops waits, and goes on when the limit is raised; nothing it paid for is lost."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from app.pipelines import waits
from app.pipelines.snapshot import PolicyDraft
from app.pipelines.waits import Verdict
from app.settings import Settings
from app.tables import Decision, PhaseRun, Pipeline, Wait
from app.usage import prices
from app.usage.budget import Defaults
from app.usage.prices import PriceBook
from tests.db.software import SHOUT, Shop, Team, code


async def allow(shop: Shop, name: str, **limits: Any) -> None:
    await shop.services.pipelines.change_budget(name, limits, Defaults(), "somebody")


async def waiting(shop: Shop, run: UUID) -> Wait:
    async with shop.services.database.transaction() as session:
        [wait] = [one for one in await waits.of_run(session, run) if one.decision == Decision.OPEN]
    return wait


async def after(shop: Shop, run: Pipeline, team: Team) -> tuple[str, str | None]:
    await shop.walk(run, team)
    run = await shop.services.pipelines.get(run.id)
    return run.state, run.reason


async def stopped(shop: Shop, team: Team, **limits: Any) -> Pipeline:
    """A run whose first call goes beyond the budget of every run."""
    await allow(shop, "run", **(limits or {"limit_tokens": 10}))
    run = await shop.run(team)
    assert (run.state, run.reason, team.calls) == ("waiting", "budget", [])
    return run


async def test_a_run_with_no_budget_left_waits_and_says_how_to_raise_it(shop: Shop) -> None:
    run = await stopped(shop, Team())
    wait = await waiting(shop, run.id)
    assert (wait.subject, wait.phase, wait.deadline) == (f"run:{run.id}", "developer", None)
    assert wait.details["code"] == "budget_exceeded"
    assert (wait.details["limit"], wait.details["used"], wait.details["unit"]) == ("10", "0", "tokens")
    assert f"Raise it: `workbench budgets set run:{run.id} --tokens" in wait.details["why"]


@pytest.mark.parametrize("name", ["run", "run:{id}"])
async def test_a_raised_limit_alone_lets_it_go_on(shop: Shop, name: str) -> None:
    team = Team(developer=[code(SHOUT)])
    run = await stopped(shop, team)
    await allow(shop, name.format(id=run.id), limit_tokens=1_000_000)
    assert await after(shop, run, team) == ("succeeded", None)


async def test_a_limit_that_is_still_too_low_is_waited_for_anew(shop: Shop) -> None:
    team = Team(developer=[code(SHOUT)])
    run = await stopped(shop, team)
    await allow(shop, f"run:{run.id}", limit_tokens=20)
    assert await after(shop, run, team) == ("waiting", "budget")
    wait = await waiting(shop, run.id)
    assert (wait.round, wait.details["limit"]) == (1, "20")
    await allow(shop, f"run:{run.id}", limit_tokens=None)
    await allow(shop, "run", limit_tokens=None)
    assert await after(shop, run, team) == ("succeeded", None)


async def test_another_budget_that_is_raised_moves_nothing(shop: Shop) -> None:
    team = Team()
    run = await stopped(shop, team)
    for name in ("day", "project:shop"):
        await allow(shop, name, limit_tokens=1_000_000)
    assert await after(shop, run, team) == ("waiting", "budget")


async def test_a_person_lets_it_try_again_or_ends_it(shop: Shop) -> None:
    team = Team()
    run = await stopped(shop, team)
    for granted, state in ((True, "waiting"), (False, "failed")):
        sha256 = (await waiting(shop, run.id)).content_sha256
        await shop.services.pipelines.decide(run.id, Verdict(granted, "somebody", "too dear", sha256))
        assert (await after(shop, run, team))[0] == state
    error = (await shop.services.pipelines.get(run.id)).error
    assert error is not None
    assert error["code"] == "access_refused"
    assert error["message"] == f"somebody refused more of 'run:{run.id}': too dear"
    assert team.calls == []


async def test_the_budget_of_a_day_is_one_for_two_runs_and_the_next_day_lets_the_second_go_on(
    shop: Shop,
) -> None:
    first = await shop.run(Team(developer=[code(SHOUT)]))
    assert first.state == "succeeded"
    await allow(shop, "day", limit_tokens=20)  # 15 are spent
    second = await shop.run(Team())
    assert (second.state, second.reason) == ("waiting", "budget")
    wait = await waiting(shop, second.id)
    today = datetime.now(UTC).date()
    assert (wait.subject, wait.details["used"]) == (f"day:{today}", "15")
    assert wait.deadline is not None
    tomorrow = datetime.combine(today + timedelta(days=1), time.min, UTC)
    assert tomorrow < wait.deadline < tomorrow + timedelta(minutes=1)
    assert wait.default_decision == "granted"


class TestRoutes:
    """Runs whose phases take the profiles of their routes: Claude, and a free model behind it."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"demo": False})

    @pytest.mark.parametrize("allowed", [True, False])
    async def test_it_goes_on_locally_where_its_policy_says_so(self, shop: Shop, allowed: bool) -> None:
        services = shop.services
        async with services.database.transaction() as session:
            dear = {"input": Decimal(3), "output": Decimal(15)}
            await prices.put(
                session, "anthropic", "claude-sonnet-5-5", dear, datetime(2026, 1, 1, tzinfo=UTC)
            )
        await allow(shop, "run", limit_usd=Decimal("0.01"))
        claude, local = Team("anthropic"), Team("ollama", developer=[code(SHOUT)])
        policy = PolicyDraft(fall_back_to_local=allowed)
        run = await services.pipelines.create("Shout", definition="tiny", project="shop", policy=policy)
        await services.pipelines.start(run.id)
        await shop.walk(run, claude, local, prices=PriceBook(services.database))
        run = await services.pipelines.get(run.id)
        assert run.state == ("succeeded" if allowed else "waiting")
        assert (claude.calls, len(local.calls)) == ([], int(allowed))
        if allowed:
            async with services.database.transaction() as session:
                detail = await session.scalar(select(PhaseRun.detail).where(PhaseRun.phase == "developer"))
            assert detail is not None
            assert (detail["profile"], detail["reason"]) == ("ollama-code", "budget_exceeded")
