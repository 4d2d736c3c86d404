"""Files that a model writes have one place: the artifact that is tested and committed."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from app.llm.caller import LLMCaller
from app.pipelines.definition import Phase
from app.pipelines.phases.llm import LlmPhase
from app.rendering.renderer import Renderer


@pytest.mark.parametrize(("artifact", "faulty"), [("code", []), ("patch", ["artifact"])])
def test_files_under_another_name_would_be_neither_tested_nor_committed(
    artifact: str, faulty: list[str]
) -> None:
    phase = Phase(
        name="write",
        kind="llm",
        role="developer",
        route="heavy",
        artifact=artifact,
        schema="DeveloperDeliverable",
        apply="workspace",
    )
    kind = LlmPhase(cast(LLMCaller, None), cast(Renderer, None), Path("/nowhere"))
    assert [field for field, _ in kind.check(phase.draft)] == faulty


@pytest.mark.parametrize(("name", "faulty"), [("tests/conftest.py", []), ("shop/app.py", ["permits"])])
def test_only_a_control_file_needs_a_permission(name: str, faulty: list[str]) -> None:
    phase = Phase(
        name="write",
        kind="llm",
        role="developer",
        route="heavy",
        artifact="code",
        schema="DeveloperDeliverable",
        apply="workspace",
        permits=(name,),
    )
    kind = LlmPhase(cast(LLMCaller, None), cast(Renderer, None), Path("/nowhere"))
    assert [field for field, _ in kind.check(phase.draft)] == faulty
