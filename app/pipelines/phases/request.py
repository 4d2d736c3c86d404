"""The request of a phase of kind `llm`: its prompt in every form that a model may be asked in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.errors import Invalid
from app.llm.channels import channel
from app.llm.request import Blocks, Repair, Request
from app.llm.types import CallKey, Schema
from app.pipelines.phases.inputs import variables
from app.pipelines.phases.kind import JSON, PhaseContext
from app.pipelines.snapshot import PhaseSpec, PromptPin
from app.rendering.renderer import Renderer


@dataclass(frozen=True)
class Question:
    """What is asked, and what of the repository it shows."""

    request: Request
    baseline: JSON
    """The value `baseline_code`; None: the prompt does not use it."""


async def question_of(context: PhaseContext, renderer: Renderer, state_dir: Path) -> Question:
    """Everything but what becomes of the answer. Raises `Invalid`, `TemplateError`."""
    spec = context.spec
    prompt = spec.rework if context.reworks and spec.rework else spec.prompt
    if prompt is None or spec.output is None or spec.profile is None:
        raise Invalid(f"phase {spec.name} has no prompt, schema or route", place=spec.name)
    forms = Forms(renderer, prompt, spec.output.contract())
    values = await variables(context, prompt.variables, state_dir)
    request = Request(
        profile=spec.profile.within(spec.limits),
        route=spec.route.name if spec.route else None,
        cascade=context.snapshot.cascade(spec, context.reworks if spec.rework else 0),
        role=prompt.role,
        system=await forms.system(),
        system_in_words=await forms.in_words(),
        blocks=await forms.blocks() if _writes_blocks(spec) else None,
        task=await renderer.render(prompt.task, values, name=f"{prompt.role}.task"),
        schema=forms.schema,
        key=_key(context),
        prompt_digest=prompt.digest,
        prompt_version=prompt.version,
        pipeline_id=context.pipeline_id,
        phase_run_id=context.phase_run_id,
        repair=repair_of(renderer, context.snapshot.repair, forms.schema.name),
        reasks=spec.limits.reasks,
        priority=context.priority,
        group=context.group,
        may_be_stored=not context.is_first_try,
        cache=spec.limits.cache and context.round == 0 and not context.is_retry,
        deliverable="code" if spec.apply else f"the {forms.schema.name}",
    )
    return Question(request, values.get("baseline_code"))


class Forms:
    """The stable prefix of one prompt, as the server is told of the schema."""

    def __init__(self, renderer: Renderer, prompt: PromptPin, schema: Schema) -> None:
        self.schema = schema
        self._renderer = renderer
        self._prompt = prompt

    async def system(self, *, constrained: bool = True, blocks: str = "") -> str:
        values: dict[str, JSON] = {
            "schema": json.dumps(self.schema.json_schema(), separators=(",", ":"), ensure_ascii=False),
            "schema_name": self.schema.name,
            "constrained": constrained,
            "blocks": blocks,
        }
        return await self._renderer.render(self._prompt.system, values, name=f"{self._prompt.role}.system")

    async def in_words(self) -> str | None:
        """Only what no grammar binds is asked for its steps of reasoning."""
        return await self.system(constrained=False) if "constrained" in self._prompt.variables else None

    async def blocks(self) -> Blocks | None:
        """None: the prompt knows nothing of blocks."""
        if "blocks" not in self._prompt.variables:
            return None
        told = channel("blocks").instructions(self.schema.json_schema())
        return Blocks(await self.system(blocks=told))


def repair_of(renderer: Renderer, prompt: PromptPin, schema_name: str) -> Repair:
    """Renders what the model is told of its faults."""

    async def render(errors: Sequence[str]) -> str:
        values = {"errors": list(errors), "schema_name": schema_name}
        return await renderer.render(prompt.task, values, name="repair.task")

    return render


def _writes_blocks(spec: PhaseSpec) -> bool:
    """Whether anybody in line hands over files as blocks."""
    line = [spec.profile, *(step.profile for step in (spec.route.cascade if spec.route else ()))]
    return spec.apply is not None and any(pin is not None and pin.code_channel == "blocks" for pin in line)


def _key(context: PhaseContext) -> CallKey:
    return CallKey(
        epic=context.epic_description,
        definition=context.snapshot.definition,
        phase=context.spec.name,
        item=context.item.key if context.item else "",
        round=context.round,
    )
