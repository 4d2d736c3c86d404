"""The same coding task in every channel: what is asked, written down, and what it may cost."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import select, update

from app.artifacts.registry import schema
from app.errors import Invalid, NotFound
from app.llm.caller import LLMCaller
from app.llm.channels import channel
from app.llm.errors import Truncated
from app.llm.request import Patience
from app.pipelines.comparing import Comparer, Step
from app.prompts import store as prompts
from app.prompts.prompt import Prompt
from app.services import Services
from app.tables import ModelProfile, PromptUsage
from app.usage import budgets
from app.usage.budget import BudgetExceeded, defaults_of
from app.usage.prices import PriceBook
from app.usage.recorder import UsageRecorder
from app.usage.tokens import Tokens
from tests.db.software import SHOUT, Team, code

WHOLE = channel("blocks").write(code(SHOUT), schema("DeveloperDeliverable").json_schema())
DOCUMENT = code(SHOUT)
CUT = Truncated("the answer was cut off", tokens=Tokens(input=9, output=7))
EDIT = """```json
{"files": [{"path": "shop/orders.py", "imports": [], "classes": [], "functions": [], "tests_required": []}], \
"dependencies": [], "test_files": []}
```
````edit shop/orders.py
<<<<<<< SEARCH
    lines: list[Line] = field(default_factory=list)
=======
    lines: list[Line] = field(default_factory=list)
    discount_percent: int = 0
>>>>>>> REPLACE
````
"""


def comparer(services: Services, team: Team) -> Comparer:
    book, ledger = PriceBook(services.database), UsageRecorder(services.database)
    caller = LLMCaller(
        services.settings,
        {"recorded": team},
        ledger,
        Patience(backoff_s=0),
        cache=services.cache,
        prices=book,
    )
    return Comparer(services.database, services.loader, caller, services.renderer, book)


async def ledger(services: Services) -> list[PromptUsage]:
    async with services.database.transaction() as session:
        return list(await session.scalars(select(PromptUsage).order_by(PromptUsage.id)))


async def priced(services: Services) -> None:
    """A dollar for each token of the answer."""
    async with services.database.transaction() as session:
        prices = {"input": 0, "output": 1_000_000}
        named = ModelProfile.name == "recorded"
        await session.execute(update(ModelProfile).where(named).values(price_usd_per_mtok=prices))


async def test_each_channel_is_asked_in_turn_and_every_call_is_in_the_ledger(services: Services) -> None:
    team = Team(compare=[DOCUMENT, EDIT, "no blocks", WHOLE, DOCUMENT])
    asks, steps = comparer(services, team), list[Step]()
    found = await asks.compare(await asks.prepare("recorded", 2), steps.append)
    json_form, blocks = found.comparison.tallies
    assert (json_form.valid, json_form.at_once, json_form.reasks, json_form.output_tokens) == (2, 2, 0, 10)
    assert (blocks.valid, blocks.at_once, blocks.reasks, blocks.output_tokens) == (2, 1, 1, 15)
    assert found.comparison.best == "json"
    assert [(step.number, step.of, step.channel, step.round) for step in steps] == [
        (0, 4, "json", 0), (1, 4, "blocks", 0), (2, 4, "blocks", 1), (3, 4, "json", 1),
    ]  # fmt: skip
    rows = await ledger(services)
    assert {(row.role, row.phase, row.pipeline_id, row.cached_from) for row in rows} == {
        ("developer", "compare", None, None)
    }
    assert [(row.item, row.round, row.step, row.mode) for row in rows] == [
        ("json", 0, 0, "grammar"),
        ("blocks", 0, 0, "prompt"),
        ("blocks", 1, 0, "prompt"),
        ("blocks", 1, 1, "prompt"),
        ("json", 1, 0, "grammar"),
    ]
    assert await services.cache.get(team.calls[0]) is None


async def test_what_failed_is_tallied_with_what_it_took_and_why(services: Services) -> None:
    asks = comparer(services, Team(compare=["no", "no", "no", CUT, CUT]))
    found = await asks.compare(await asks.prepare("recorded", 1))
    json_form, blocks = found.comparison.tallies
    assert (json_form.failures, json_form.output_tokens) == ({"invalid_answer": 1}, 15)
    assert (blocks.failures, blocks.output_tokens) == ({"truncated": 1}, 14)
    assert found.comparison.best is None
    assert found.why["truncated"] == "the answer was cut off"
    assert "no valid DeveloperDeliverable after 3 answers" in found.why["invalid_answer"]


async def test_a_task_of_ones_own_takes_the_place_of_the_sample(services: Services) -> None:
    team = Team(compare=[DOCUMENT, WHOLE])
    asks = comparer(services, team)
    await asks.compare(await asks.prepare("recorded", 1, "Translate the receipt"))
    for call in team.calls:
        assert '"Translate the receipt"' in call.messages[0].content
        assert "discount_percent" not in call.messages[0].content
        assert "shop/orders.py" in call.messages[0].content


async def test_it_costs_at_most_what_was_said_before(services: Services) -> None:
    await priced(services)
    team = Team(compare=[CUT, "no", "no", "no"] * 2)
    asks = comparer(services, team)
    prepared = await asks.prepare("recorded", 1)
    await asks.compare(prepared)
    assert len(team.calls) == 8
    assert prepared.is_paid
    assert prepared.most_usd == sum(call.profile.max_output_tokens for call in team.calls)


async def test_a_model_of_ones_own_costs_nothing(services: Services) -> None:
    prepared = await comparer(services, Team()).prepare("ollama-code", 1)
    assert (prepared.is_paid, prepared.most_usd) == (False, 0)


async def test_a_budget_ends_the_comparison_before_anything_is_spent(services: Services) -> None:
    await priced(services)
    async with services.database.transaction() as session:
        await budgets.change(session, "day", {"limit_usd": Decimal(1)}, defaults_of(services.settings))
    team = Team(compare=[DOCUMENT])
    asks = comparer(services, team)
    with pytest.raises(BudgetExceeded):
        await asks.compare(await asks.prepare("recorded", 1))
    assert team.calls == []


async def test_what_can_not_be_compared_is_said(services: Services) -> None:
    asks = comparer(services, Team())
    with pytest.raises(NotFound, match="no model profile 'nobody'; there are: claude"):
        await asks.prepare("nobody", 1)
    with pytest.raises(Invalid, match="the epic is empty"):
        await asks.prepare("recorded", 1, " ")
    with pytest.raises(Invalid, match="0 rounds"):
        await asks.prepare("recorded", 0)
    async with services.database.transaction() as session:
        row = await prompts.add(
            session, Prompt("developer", "{{ schema }}", "Go", ("schema",)), message="Mine", by="Ada"
        )
        await prompts.move_label(session, "developer", prompts.PRODUCTION, row.version, by="Ada")
    with pytest.raises(Invalid, match="does not use `blocks`"):
        await asks.prepare("recorded", 1)
