"""The values a prompt may use, computed only when the prompt declares them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

from app.artifacts.registry import artifact_name
from app.pipelines.failures import failing_parts, without_failing
from app.pipelines.phases.kind import JSON, PhaseContext
from app.pipelines.phases.surroundings import baseline_of
from app.usage.estimate import estimate_tokens

PROMPT_TOKENS = 4_000
"""Kept free for the prompt, its schema and the artifacts before it, and more where they take more."""
SPARE_TOKENS = 200
"""For the words of a prompt's template around what it shows."""

SAMPLE: dict[str, Any] = {
    "schema": '{"type":"object"}',
    "schema_name": "EpicDeliverable",
    "constrained": True,
    "blocks": "",
    "epic_description": "Add a health check endpoint",
    "previous_artifacts": {
        "epic": {"title": "t", "goal": "g", "user_stories": [], "acceptance_criteria": []},
        "architecture": {"epic_id": "e", "components": [], "adrs": [], "acceptance_criteria": []},
        "code": {"files": [], "test_files": [], "migration_scripts": [], "dependencies": []},
        "test_results": {"outcome": "passed", "tests": 1, "failing": [], "reason": ""},
        "qa_report": {"passed": True, "issues": [], "recommendations": []},
    },
    "baseline_code": {
        "files": [{"path": "app.py", "content": "print(1)\n"}],
        "map": ["app.py"],
        "map_total": 1,
        "left_out": [{"path": "big.bin", "reason": "binary", "tokens": 9}],
        "left_out_total": 1,
        "symbols": ["pay.py: class Till; .def take(self, price)"],
        "symbols_shown": 2,
        "symbols_total": 9,
        "parts": [
            {"path": "long.py", "first_line": 1, "last_line": 1, "of_lines": 900, "content": "import re\n"}
        ],
    },
    "test_results": {
        "outcome": "failed",
        "tests": 1,
        "failing": [{"name": "n", "message": "m"}],
        "reason": "r",
    },
    "issues": [{"source": "qa", "text": "an issue"}],
    "round": 1,
    "item": "",
    "instruction": "",
    "errors": ["title: field required"],
    "subject": "s",
    "criteria": ["c"],
    "task": "t",
    "context": "c",
    "text": "t",
    "labels": ["a", "b"],
    "max_words": 50,
    "language": "English",
}
"""An example of every value: prompts are test-rendered with it before they are saved."""


async def variables(context: PhaseContext, names: Iterable[str], state_dir: Path) -> dict[str, JSON]:
    """The declared values of this phase run."""
    names = list(names)
    known: dict[str, Callable[[], Awaitable[JSON]]] = {
        "epic_description": _constant(context.epic_description),
        "previous_artifacts": _constant(_previous(context)),
        "baseline_code": lambda: baseline_of(context, _budget(context), state_dir),
        "test_results": _constant(failing_parts(context.artifacts.get("test_results"))),
        "issues": _constant(_issues(context, told_apart="test_results" in names)),
        "round": _constant(context.round),
        "instruction": _constant(context.spec.settings.get("instruction", "")),
        "item": _constant(context.item.body if context.item else ""),
    }
    return {name: await known[name]() for name in names if name in known}


def _constant(value: JSON) -> Callable[[], Awaitable[JSON]]:
    async def give() -> JSON:
        return value

    return give


def _issues(context: PhaseContext, *, told_apart: bool) -> list[JSON]:
    """Failing tests are among the test results, where the prompt shows those, and are not told twice."""
    issues = [dict(issue) for issue in context.issues]
    results = context.artifacts.get("test_results")
    return without_failing(issues, results) if told_apart and results else issues


def _previous(context: PhaseContext) -> dict[str, JSON]:
    """The artifacts the phase reads, and in a rework its own last one."""
    names = [*map(artifact_name, context.spec.inputs)]
    if context.reworks and context.spec.artifact:
        names.append(context.spec.artifact)
    return {name: context.artifacts[name] for name in names if name in context.artifacts}


def _budget(context: PhaseContext) -> int:
    """Tokens of repository text: the phase's limit, or what a small model's context leaves free."""
    limit, profile = context.spec.limits, context.spec.profile
    if profile is None:
        return limit.context_tokens
    answer = min(limit.max_output_tokens or profile.max_output_tokens, profile.max_output_tokens)
    rest = max(PROMPT_TOKENS, _beside(context))
    return max(0, min(limit.context_tokens, profile.context_tokens - answer - rest))


def _beside(context: PhaseContext) -> int:
    """Tokens of all that stands in the prompt beside the repository; the schema is sent once more with it."""
    spec = context.spec
    prompt = spec.rework if context.reworks and spec.rework else spec.prompt
    given = (
        _previous(context),
        failing_parts(context.artifacts.get("test_results")),
        _issues(context, told_apart=True),
        context.epic_description,
    )
    schema = json.dumps(spec.output.json_schema) if spec.output else ""
    texts = [schema, schema, *(json.dumps(one, ensure_ascii=False) for one in given)]
    texts += [prompt.system, prompt.task] if prompt else []
    return sum(estimate_tokens(text) for text in texts) + SPARE_TOKENS
