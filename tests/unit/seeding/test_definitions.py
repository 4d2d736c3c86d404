"""The two pipelines that ship, and the models behind their routes."""

import pytest

from app.artifacts.registry import SCHEMAS
from app.llm.types import Profile

BOTH = pytest.mark.parametrize("name", ["software", "software-small"])


def test_software_has_six_phases_in_order(seeds):
    phases = seeds.definitions["software"].phases

    assert [p.name for p in phases] == ["pm", "architect", "developer", "test", "qa", "commit"]
    assert [p.kind for p in phases] == ["llm", "llm", "llm", "tests", "llm", "commit"]
    assert seeds.definitions["software"].write_documents


def test_software_small_is_developer_test_qa_commit(seeds):
    phases = seeds.definitions["software-small"].phases

    assert [p.name for p in phases] == ["developer", "test", "qa", "commit"]


@BOTH
def test_failing_tests_a_rejection_and_a_moved_base_go_back_to_the_developer_so_often(name, seeds):
    back = {p.name: (p.on_reject, p.max_rework) for p in seeds.definitions[name].phases if p.on_reject}

    assert back == {"test": ("developer", 3), "qa": ("developer", 3), "commit": ("developer", 2)}


@BOTH
def test_only_the_developer_writes_to_the_workspace_and_reworks_with_its_own_prompt(name, seeds):
    phases = seeds.definitions[name].phases

    assert [p.name for p in phases if p.apply] == ["developer"]
    assert [p.rework_role for p in phases if p.rework_role] == ["rework"]


@BOTH
def test_a_phase_answers_with_the_schema_that_its_prompt_states(name, seeds):
    for phase in seeds.definitions[name].phases:
        assert phase.schema_name in SCHEMAS
        for role in filter(None, (phase.role, phase.rework_role)):
            assert seeds.prompts[role].schema_name == phase.schema_name


@BOTH
def test_every_model_phase_has_a_role_a_route_a_document_and_limits(name, seeds):
    for phase in seeds.definitions[name].phases:
        if phase.kind == "llm":
            assert phase.role in seeds.prompts
            assert phase.route in seeds.routes
            assert phase.template.endswith(".md.j2")
            assert phase.limits.reasks == 2
            assert phase.limits.max_output_tokens <= profile_of(phase, seeds).max_output_tokens


def profile_of(phase, seeds) -> Profile:
    return seeds.profiles[seeds.routes[phase.route].profile].profile()


def test_light_work_goes_to_haiku_and_the_rest_to_sonnet(seeds):
    routes = {phase.route for item in seeds.definitions.values() for phase in item.phases if phase.route}
    models = {name: seeds.profiles[seeds.routes[name].profile].model for name in routes}

    assert models == {
        "light": "claude-haiku-5-5",
        "design": "claude-sonnet-5-5",
        "code": "claude-sonnet-5-5",
        "review": "claude-sonnet-5-5",
    }


def test_the_profiles_of_the_source_documents_are_there(seeds):
    models = {name: seed.profile().model for name, seed in seeds.profiles.items()}

    assert models["ollama-code"] == "qwen2.5:14b-instruct-q4_K_M"
    assert models["ollama-uncensored"] == "gpt-oss:20b"
    assert models["ollama-fast"] == "deepseek-coder:6.7b"
    assert models["lmstudio"] == "qwen2.5-14b-instruct-mlx"
    assert seeds.profiles["qwen3-14b"].context_tokens == 4096
    assert {"claude", "claude-haiku", "claude-opus", "qwen3-8b", "recorded"} < set(models)


def test_thinking_is_off_except_where_a_model_can_not_stop(seeds):
    thinking = {name: seed.think for name, seed in seeds.profiles.items() if seed.think != "off"}

    assert thinking == {"claude-opus": "medium", "ollama-uncensored": "low"}


def test_claude_is_given_no_temperature_and_no_price_of_ours(seeds):
    claude = [seed for seed in seeds.profiles.values() if seed.backend == "anthropic"]

    assert [(seed.temperature, seed.price_usd_per_mtok) for seed in claude] == [(None, None)] * 3


def test_every_other_profile_is_free(seeds):
    others = [seed for seed in seeds.profiles.values() if seed.backend != "anthropic"]

    assert all(set(seed.price_usd_per_mtok.values()) == {0} for seed in others)


def test_an_answer_leaves_room_for_its_prompt(seeds):
    assert all(seed.max_output_tokens <= seed.context_tokens // 2 for seed in seeds.profiles.values())
