"""Which model does which kind of work: the table of task types, the rule for local models, the keywords."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Invalid, NotFound
from app.llm.request import QUOTA
from app.llm.types import Profile
from app.pipelines.choosing import Chosen, choose, is_in
from app.pipelines.explaining import Circumstances, Explanation, Turn, explain
from app.pipelines.route import Keyword, NextProfile, RouteSpec, check_route
from app.pipelines.snapshot import Policy
from app.seeding.files import load_seeds

SEEDS = load_seeds()
PROFILES = {name: seed.profile() for name, seed in SEEDS.profiles.items()}
LOCAL = "qwen2.5-14b-instruct-mlx"
CLAUDE = "claude-sonnet-5-5"
EIGHT = "hf.co/Qwen/Qwen3-8B-GGUF:Q5_K_M"
FOURTEEN = "qwen3:14b-q4_K_M"
FREE_ONLY = Policy()
BOTH_WAYS = Policy(escalate_to_paid=True, fall_back_to_local=True)
THIS_MACHINE = Circumstances(FREE_ONLY, vram_gb=12, missing={})


def chosen(text: str = "", task: str | None = None) -> Chosen:
    return choose(text, task, SEEDS.routes, SEEDS.keywords)


def explained(text: str = "", task: str | None = None, **changes: Any) -> Explanation:
    return explain(text, chosen(text, task), PROFILES, replace(THIS_MACHINE, **changes))


def turns(found: Explanation) -> list[tuple[str, str]]:
    return [(place.profile.name, place.turn.value) for place in found.line]


@pytest.mark.parametrize(
    ("task", "model", "latency_s", "critical"),
    [
        ("Art description", LOCAL, 5, False),
        ("Agent personality", LOCAL, 8, False),
        ("Code review", LOCAL, 15, False),
        ("Content drafts", LOCAL, 10, False),
        ("Complex reasoning", CLAUDE, 20, False),
        ("Tool orchestration", CLAUDE, 10, False),
        ("User interaction", CLAUDE, 8, False),
        ("Critical decisions", CLAUDE, 15, True),
    ],
)
def test_the_task_routing_matrix(task: str, model: str, latency_s: float, critical: bool) -> None:
    found = chosen(task=task)
    profile = PROFILES[found.route.profile]
    assert (profile.model, found.route.latency_s, found.route.critical) == (model, latency_s, critical)
    assert profile.is_paid == (model == CLAUDE)


@pytest.mark.parametrize(
    ("scenario", "model", "think"),
    [
        ("simple code", EIGHT, "off"),  # Quick code gen, boilerplate
        ("medium algorithms", EIGHT, "off"),
        ("complex architecture", FOURTEEN, "on"),
        ("multi-file", EIGHT, "off"),  # 14B can't fit
        ("classification", EIGHT, "off"),
        ("creative visual", EIGHT, "off"),
    ],
)
def test_the_rule_that_selects_a_local_model_and_whether_it_thinks(
    scenario: str, model: str, think: str
) -> None:
    first = explained(task=scenario).first
    assert first is not None
    assert (first.profile.model, first.profile.think) == (model, think)


@pytest.mark.parametrize(
    "scenario", ["simple code", "medium algorithms", "classification", "creative visual"]
)
def test_a_failed_answer_of_the_8b_goes_to_the_14b_which_thinks(scenario: str) -> None:
    first, second, last = explained(task=scenario).line
    assert first.profile.model == EIGHT
    assert (second.profile.model, second.profile.think, second.turn) == (FOURTEEN, "on", Turn.NEXT)
    assert (last.profile.is_paid, last.turn) == (True, Turn.NOT_ALLOWED)


@pytest.mark.parametrize("name", SEEDS.routes)
def test_every_retry_on_a_qwen3_thinks(name: str) -> None:
    steps = [step for step in SEEDS.routes[name].cascade if step.profile.startswith("qwen3")]
    assert [step.think for step in steps] == ["on"] * len(steps)


def test_what_is_too_long_for_the_14b_goes_to_the_8b() -> None:
    found = explained("word " * 2_000, "complex-architecture")
    assert turns(found) == [("qwen3-14b", "passed_over"), ("qwen3-8b", "first"), ("claude", "not_allowed")]
    assert "4,096 of context less 2,048 for the answer leave 2,048" in found.line[0].why


def test_a_model_that_takes_more_than_the_graphics_card_has_is_passed_over_and_it_is_said() -> None:
    found = explained(task="complex-architecture", vram_gb=8)
    assert turns(found)[:2] == [("qwen3-14b", "passed_over"), ("qwen3-8b", "first")]
    assert found.line[0].why == "it takes 10.4 GB; the graphics card has 8 GB"
    unknown = explained(task="complex-architecture", vram_gb=None).first
    assert unknown is not None
    assert unknown.profile.name == "qwen3-14b"


def test_a_text_that_fits_nobody_is_asked_of_nobody() -> None:
    found = explained("word " * 200_000, "art-description")
    assert found.first is None
    allowed = explained("word " * 20_000, "art-description", policy=BOTH_WAYS).first
    assert allowed is not None
    assert allowed.profile.name == "claude-haiku"


def test_a_model_that_only_stands_in_for_claude_does_not_take_what_is_too_long_for_claude() -> None:
    route = RouteSpec(description="x", profile="claude-haiku", cascade=(NextProfile(profile="recorded"),))
    circumstances = replace(THIS_MACHINE, policy=BOTH_WAYS)
    found = explain("word " * 70_000, Chosen("x", route, "task"), PROFILES, circumstances)
    assert found.first is None
    assert "it is not for context_overflow" in found.line[1].why


def test_no_other_takes_the_place_of_claude_without_a_key_and_it_is_said() -> None:
    found = explained("Say hello", policy=BOTH_WAYS, missing={"anthropic": "no key"})
    assert found.first is not None
    assert (found.first.profile.name, found.first.missing) == ("claude", "no key")
    assert found.line[1].missing is None


@pytest.mark.parametrize(
    ("task", "policy", "turn"),
    [
        ("code-review", FREE_ONLY, "not_allowed"),
        ("code-review", Policy(escalate_to_paid=True), "next"),
        ("code-review", Policy(fall_back_to_local=True), "not_allowed"),
        ("user-interaction", FREE_ONLY, "not_allowed"),
        ("user-interaction", Policy(escalate_to_paid=True), "not_allowed"),
        ("user-interaction", Policy(fall_back_to_local=True), "next"),
    ],
)
def test_the_last_step_crosses_between_free_and_paid_only_where_the_policy_says_so(
    task: str, policy: Policy, turn: str
) -> None:
    found = explained(task=task, policy=policy)
    assert found.line[-1].turn == turn
    assert found.line[-1].profile.is_paid != found.line[0].profile.is_paid


def test_a_free_model_stands_in_for_a_paid_one_only_when_that_can_not_be_had() -> None:
    route = RouteSpec(description="x", profile="claude", cascade=(NextProfile(profile="qwen3-8b"),))
    found = explain("x", Chosen("x", route, "task"), PROFILES, replace(THIS_MACHINE, policy=BOTH_WAYS))
    assert set(found.line[1].on) == QUOTA


@pytest.mark.parametrize(
    ("text", "route", "keyword"),
    [
        ("Describe this painting", "art-description", "describe"),
        ("A DESCRIPTION of the sunset", "art-description", "description"),
        ("please summarize the thread", "content-drafts", "summarize"),
        ("Formatting of the table", "content-drafts", "format"),
        ("rewrite it", "content-drafts", "rewrite"),
        ("Follow our style\n  guide", "content-drafts", "style guide"),
        ("Do a code review", "code-review", "code review"),
        ("a personality for the agent", "agent-personality", "personality"),
        ("Orchestrate three tools", "tool-orchestration", "orchestrat"),
        ("think step by step", "complex-reasoning", "step by step"),
        ("Some boilerplate for a class", "simple-code", "boilerplate"),
        ("An algorithm that merges intervals", "medium-algorithms", "algorithm"),
        ("Architect a queue", "complex-architecture", "architect"),
        ("Change it in multiple files", "multi-file", "multiple files"),
        ("Classify this expense", "classification", "classify"),
        ("An animation of an aquarium", "creative-visual", "animation"),
        ("Transform the platform's information", "user-interaction", "*"),
        ("", "user-interaction", "*"),
        ("Describe a critical decision", "critical-decisions", "critical"),
        ("\N{FULLWIDTH LATIN CAPITAL LETTER C}RITICAL: summarize", "critical-decisions", "critical"),
    ],
)
def test_free_text_takes_the_route_of_the_first_keyword(text: str, route: str, keyword: str) -> None:
    found = chosen(text)
    assert (found.name, found.keyword) == (route, keyword)


def test_a_named_task_goes_before_the_text() -> None:
    assert chosen("a critical matter", "code_review").name == "code-review"
    with pytest.raises(NotFound, match="there are: agent-personality, art-description"):
        chosen("describe", "painting")


def test_a_text_that_leads_nowhere_is_refused_with_what_to_do() -> None:
    with pytest.raises(Invalid, match="name the task, or add that keyword"):
        choose("hello", None, SEEDS.routes, [Keyword(keyword="describe", route="light")])


@given(st.text(max_size=30), st.text(max_size=30))
def test_a_keyword_is_found_in_any_case_at_the_start_of_a_word_only(before: str, after: str) -> None:
    assert is_in("style guide", f"{before} STYLE  guide{after}")
    assert not is_in("style guide", "lifestyle guide")


CRITICAL = [one.keyword for one in SEEDS.keywords if SEEDS.routes[one.route].critical]
plain_words = st.sampled_from([one.keyword for one in SEEDS.keywords])
texts = st.lists(st.one_of(plain_words, st.text(max_size=20)), max_size=6).map(" ".join)


@given(
    before=texts,
    word=st.sampled_from(CRITICAL).flatmap(lambda word: st.sampled_from([word, word.upper(), word.title()])),
    after=texts,
    repeated=st.sampled_from([1, 1_000, 500_000]),
    order=st.permutations(SEEDS.keywords),
    circumstances=st.builds(
        Circumstances,
        policy=st.builds(Policy, escalate_to_paid=st.booleans(), fall_back_to_local=st.booleans()),
        vram_gb=st.one_of(st.none(), st.floats(1, 1_000)),
        missing=st.dictionaries(st.sampled_from(["anthropic", "ollama", "openai"]), st.just("no key")),
    ),
)
def test_nothing_but_an_edit_of_its_row_takes_a_critical_text_to_a_free_model(
    before: str, word: str, after: str, repeated: int, order: list[Keyword], circumstances: Circumstances
) -> None:
    text = f"{before} {word} {after}"
    found = choose(text, None, SEEDS.routes, order)
    assert found.route.critical
    line = explain(text + " more" * repeated, found, PROFILES, circumstances).line
    assert all(place.profile.is_paid for place in line)


@given(
    own=st.sampled_from(sorted(PROFILES)),
    steps=st.lists(st.sampled_from(sorted(PROFILES)), max_size=5, unique=True),
    policy=st.builds(Policy, escalate_to_paid=st.booleans(), fall_back_to_local=st.booleans()),
    tokens=st.sampled_from([1, 3_000, 100_000, 400_000]),
)
def test_a_critical_route_asks_no_free_model_after_its_own_however_its_cascade_was_written(
    own: str, steps: list[str], policy: Policy, tokens: int
) -> None:
    route = RouteSpec(
        description="x",
        profile=own,
        critical=True,
        cascade=tuple(NextProfile(profile=name) for name in steps),
    )
    line = explain(
        "abc " * tokens, Chosen("x", route, "task"), PROFILES, replace(THIS_MACHINE, policy=policy)
    ).line
    asked = [place.profile for place in line[1:] if place.turn in (Turn.FIRST, Turn.NEXT)]
    assert all(profile.is_paid for profile in asked)


def test_a_free_profile_in_the_cascade_of_a_critical_route_is_refused_when_it_is_written() -> None:
    route = RouteSpec(
        description="x", profile="claude", critical=True, cascade=(NextProfile(profile="lmstudio"),)
    )
    with pytest.raises(Invalid, match="lmstudio is free") as caught:
        check_route(route, PROFILES)
    assert caught.value.details["place"] == "cascade.0.profile"


@pytest.mark.parametrize("name", PROFILES)
def test_temperatures_are_presets_and_claude_gets_none(name: str) -> None:
    profile: Profile = PROFILES[name]
    presets = {"anthropic": {None}, "recorded": {None}}.get(profile.backend, {0.1, 0.3, 0.7})
    assert profile.temperature in presets


def test_the_14b_takes_what_was_measured() -> None:
    profile = PROFILES["qwen3-14b"]
    assert (profile.vram_gb, profile.context_tokens, profile.timeout_s) == (10.4, 4096, 300)


def test_a_remote_server_has_five_minutes() -> None:
    assert (PROFILES["remote"].backend, PROFILES["remote"].timeout_s) == ("openai", 300)
