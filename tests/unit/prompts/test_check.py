"""What a prompt must pass before it is stored."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from app.errors import Invalid
from app.pipelines.phases.inputs import SAMPLE
from app.prompts.check import check
from app.prompts.prompt import Prompt
from app.rendering.errors import TemplateError
from app.rendering.renderer import Renderer


@pytest_asyncio.fixture
async def renderer() -> AsyncIterator[Renderer]:
    made = Renderer()
    yield made
    await made.close()


def prompt(**values: Any) -> Prompt:
    return Prompt(
        **{
            "role": "pm",
            "system": "ROLE {{ schema }}",
            "task": "{{ epic_description }}",
            "variables": ("schema", "epic_description"),
            **values,
        }
    )


async def test_a_prompt_that_uses_what_it_declares_passes(renderer: Renderer) -> None:
    await check(renderer, prompt(), SAMPLE)


FAULTS: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "a name that no prompt may use": (
        {"variables": ("budget",)},
        Invalid,
        "declares budget; a prompt may use: ",
    ),
    "no task": ({"task": " \n"}, Invalid, "has no task part"),
    "an undeclared name": ({"task": "{{ issues }}"}, TemplateError, "issues"),
    "broken syntax": ({"task": "{% if %}"}, TemplateError, "pm.task"),
    "a changing value in the stable prefix": (
        {"system": "{{ epic_description }}"},
        TemplateError,
        "pm.system",
    ),
    "the schema in the task": ({"task": "{{ schema }}"}, TemplateError, "pm.task"),
    "a value that is not there": (
        {"task": "{{ previous_artifacts.nothing.here }}", "variables": ("schema", "previous_artifacts")},
        TemplateError,
        "pm.task",
    ),
}


@pytest.mark.abuse(31)
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_prompt_with_a_fault_is_refused_and_the_place_is_named(
    renderer: Renderer, fault: str
) -> None:
    values, error, message = FAULTS[fault]
    with pytest.raises(error, match=message):
        await check(renderer, prompt(**values), SAMPLE)


def test_the_digest_is_of_both_parts_and_of_nothing_else() -> None:
    assert prompt().digest == prompt(role="qa", version=7, variables=()).digest
    assert len({prompt().digest, prompt(system="x").digest, prompt(task="x").digest}) == 3
