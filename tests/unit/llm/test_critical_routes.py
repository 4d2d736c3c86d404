"""Whatever fails, whatever the policy allows: a critical question never goes to a free model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from app.artifacts.registry import schema
from app.llm import cascade
from app.llm.cascade import Around, CardTooSmall, Turn
from app.llm.request import ANY_FAILURE, Cascade, CascadeStep, Reason, Request
from app.llm.types import CallKey, Profile
from app.tables import ModelPrice
from app.usage.prices import Prices

MODELS = ("small", "large")
BACKENDS = ("anthropic", "ollama", "openai")
REASONS = st.sampled_from(ANY_FAILURE)
DOLLARS = st.sampled_from([0, 3])

profiles = st.builds(
    Profile,
    name=st.just("a profile"),
    backend=st.sampled_from(BACKENDS),
    model=st.sampled_from(MODELS),
    price_usd_per_mtok=st.none() | st.builds(lambda usd: {"input": usd, "output": usd}, DOLLARS),
    vram_gb=st.sampled_from([None, 6.0, 20.0]),
)
steps = st.lists(st.builds(CascadeStep, profiles, st.lists(REASONS).map(tuple)), max_size=5).map(tuple)
cascades = st.builds(
    Cascade,
    steps=steps,
    critical=st.just(True),
    escalate_to_paid=st.just(True),
    fall_back_to_local=st.just(True),
    gates_failed=st.integers(0, 3),
)


def _price(backend: str, model: str, usd: int) -> ModelPrice:
    price = Decimal(usd)
    since = datetime(2026, 1, 1, tzinfo=UTC)
    return ModelPrice(backend=backend, model=model, valid_from=since, input=price, output=price)


surroundings = st.builds(
    lambda vram_gb, rows: Around(
        vram_gb, Prices({key: [_price(key[0], key[1], usd)] for key, usd in rows.items()})
    ),
    st.sampled_from([None, 8.0]),
    st.dictionaries(st.tuples(st.sampled_from(BACKENDS), st.sampled_from(MODELS)), DOLLARS),
)


async def _repair(errors: Sequence[str]) -> str:
    return "; ".join(errors)


def request(profile: Profile, asked: Cascade) -> Request:
    return Request(
        profile=profile,
        role="pm",
        system="s",
        task="t",
        schema=schema("EpicDeliverable"),
        key=CallKey(),
        prompt_digest="a" * 64,
        repair=_repair,
        cascade=asked,
    )


def turns(asked: Request, around: Around, reasons: Iterable[Reason]) -> Iterator[Turn]:
    """Who is asked when each of them fails, for these reasons one after the other."""
    try:
        turn: Turn | None = cascade.first(asked, around)
    except CardTooSmall:
        return
    for reason in reasons:
        if turn is None:
            return
        yield turn
        turn = cascade.after(asked, turn, reason, around)


@given(profiles, cascades, surroundings, st.lists(REASONS, min_size=8))
def test_no_free_model_is_asked_in_place_of_the_one_that_was_meant(
    own: Profile, asked: Cascade, around: Around, reasons: list[Reason]
) -> None:
    """The route's own may be free, by a price that was set since: it is what the route says."""
    instead = [turn.profile for turn in turns(request(own, asked), around, reasons) if turn.number]
    assert all(around.is_paid(profile) for profile in instead)


@given(profiles, cascades, surroundings, st.lists(REASONS, min_size=8))
def test_nobody_is_asked_twice_and_nobody_whom_the_card_does_not_hold(
    own: Profile, asked: Cascade, around: Around, reasons: list[Reason]
) -> None:
    taken = list(turns(request(own, replace(asked, critical=False)), around, reasons))
    numbers = [turn.number for turn in taken]
    assert numbers == sorted(set(numbers))
    assert all(cascade.too_big(turn.profile, around.vram_gb) is None for turn in taken)


def test_the_same_steps_reach_a_free_model_where_nothing_is_critical() -> None:
    claude, local = Profile("claude", "anthropic", "large"), Profile("local", "ollama", "small")
    asked = Cascade((CascadeStep(local, ANY_FAILURE),), fall_back_to_local=True)
    reached = list(turns(request(claude, asked), Around(), ["budget_exceeded", "backend_down"]))
    assert [turn.profile for turn in reached] == [claude, local]
