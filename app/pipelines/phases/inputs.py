"""The values a prompt may use, computed only when the prompt declares them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from app.artifacts.registry import artifact_name
from app.pipelines.code import files_of
from app.pipelines.phases.kind import JSON, PhaseContext
from app.pipelines.phases.repository import repository_of
from app.usage.estimate import estimate_tokens
from app.workspace.baseline import baseline_code

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


async def variables(context: PhaseContext, names: Iterable[str]) -> dict[str, JSON]:
    """The declared values of this phase run."""
    known: dict[str, Callable[[], Awaitable[JSON]]] = {
        "epic_description": _constant(context.epic_description),
        "previous_artifacts": _constant(_previous(context)),
        "baseline_code": lambda: _baseline(context),
        "test_results": _constant(context.artifacts.get("test_results")),
        "issues": _constant([dict(issue) for issue in context.issues]),
        "round": _constant(context.round),
        "instruction": _constant(context.spec.settings.get("instruction", "")),
        "item": _constant(context.item.body if context.item else ""),
    }
    return {name: await known[name]() for name in names if name in known}


def _constant(value: JSON) -> Callable[[], Awaitable[JSON]]:
    async def give() -> JSON:
        return value

    return give


def _previous(context: PhaseContext) -> dict[str, JSON]:
    """The artifacts the phase reads, and in a rework its own last one."""
    names = [*map(artifact_name, context.spec.inputs)]
    if context.round and context.spec.artifact:
        names.append(context.spec.artifact)
    return {name: context.artifacts[name] for name in names if name in context.artifacts}


async def _baseline(context: PhaseContext) -> JSON:
    """Repository text within the phase's budget, with the files of the run over it."""
    if context.project is None or context.base_commit is None:
        return {"files": [], "map": [], "map_total": 0, "left_out": [], "left_out_total": 0}
    repository = await repository_of(context.project)
    named = _named(context)
    found = await baseline_code(repository, context.base_commit, _budget(context), first=named)
    body = found.overlay(files_of(context.artifacts.get("code"))).as_json()
    await context.progress(
        "context",
        {
            "phase": context.spec.name,
            "files": [file["path"] for file in body["files"]],
            "left_out": body["left_out_total"],
        },
    )
    return body


def _named(context: PhaseContext) -> list[str]:
    """The files that the architecture names; those of the item that is asked for come first."""
    components = context.artifacts.get("architecture", {}).get("components", ())
    own = context.item.body if context.item else None
    return [part["file_path"] for part in sorted(components, key=lambda part: part != own)]


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
    prompt = spec.rework if context.round and spec.rework else spec.prompt
    given = (
        _previous(context),
        context.artifacts.get("test_results"),
        [dict(issue) for issue in context.issues],
        context.epic_description,
    )
    schema = json.dumps(spec.output.json_schema) if spec.output else ""
    texts = [schema, schema, *(json.dumps(one, ensure_ascii=False) for one in given)]
    texts += [prompt.system, prompt.task] if prompt else []
    return sum(estimate_tokens(text) for text in texts) + SPARE_TOKENS
