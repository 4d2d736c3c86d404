"""What a prompt must pass before it is stored: declared variables, and a test rendering."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.errors import Invalid
from app.prompts.prompt import Prompt
from app.rendering.renderer import Renderer

SYSTEM_VARIABLES = frozenset({"schema", "schema_name", "constrained", "blocks"})
"""The stable prefix may use nothing that changes from call to call."""


async def check(renderer: Renderer, prompt: Prompt, sample: Mapping[str, Any]) -> None:
    """Render both parts with `sample`. Raises `Invalid` or `TemplateError` naming the place."""
    unknown = sorted(set(prompt.variables) - set(sample))
    if unknown:
        raise Invalid(
            f"prompt {prompt.role!r} declares {', '.join(unknown)}; "
            f"a prompt may use: {', '.join(sorted(sample))}",
            place="variables",
        )
    if not prompt.task.strip():
        raise Invalid(f"prompt {prompt.role!r} has no task part", place="task")
    declared = set(prompt.variables)
    for part, text, names in (
        ("system", prompt.system, declared & SYSTEM_VARIABLES),
        ("task", prompt.task, declared - SYSTEM_VARIABLES),
    ):
        values = {name: sample[name] for name in names}
        await renderer.check(text, values, declared=names, name=f"{prompt.role}.{part}")
