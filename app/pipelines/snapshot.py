"""The body of all that a run pins, as values; its digest is its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.artifacts.registry import digest as schema_digest
from app.artifacts.registry import schema
from app.artifacts.rows import PREFIX, row_schema
from app.digests import digest
from app.errors import NotFound
from app.llm.request import Cascade, CascadeStep, Reason
from app.llm.types import BackendName, CodeChannel, Profile, Schema, Think
from app.workspace.gates.gate import GateSpec


class Pinned(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class PromptPin(Pinned):
    role: str
    version: int | None
    system: str
    task: str
    variables: tuple[str, ...]
    digest: str


class ProfilePin(Pinned):
    name: str
    backend: BackendName
    model: str
    context_tokens: int
    max_output_tokens: int
    think: Think
    temperature: float | None
    timeout_s: float | None
    price_usd_per_mtok: dict[str, float] | None = None
    vram_gb: float | None = None
    max_turns: int = 3
    code_channel: CodeChannel = "json"

    def profile(self) -> Profile:
        return Profile(**self.model_dump())

    def within(self, limits: Limits) -> Profile:
        """The profile as one phase may use it."""
        most = limits.max_output_tokens
        if most is None or most >= self.max_output_tokens:
            return self.profile()
        return replace(self.profile(), max_output_tokens=most)


class CascadePin(Pinned):
    """A profile that is asked when the one before gave no answer, for one of these outcomes."""

    profile: ProfilePin
    on: tuple[Reason, ...]


class RoutePin(Pinned):
    """The route a phase named: its own profile is in the phase's `profile`."""

    name: str
    critical: bool = False
    """Never answered by a lesser model than the route's own."""
    latency_s: float | None = None
    """An answer that takes longer is reported as late."""
    cascade: tuple[CascadePin, ...] = ()


class Policy(Pinned):
    """What a cascade may do to the bill of this run, and to where its prompts go."""

    escalate_to_paid: bool = False
    """A paid model may be asked where a free one failed, within the budgets."""
    fall_back_to_local: bool = False
    """A free model may be asked where a paid one is down, overloaded, out of credit or beyond a budget."""


class PolicyDraft(Pinned):
    """A policy as people give it for one run; what is left out is as the settings say."""

    escalate_to_paid: bool | None = None
    """A paid model may be asked where a free one failed, within the budgets."""
    fall_back_to_local: bool | None = None
    """A free model may be asked where a paid one is down, overloaded, out of credit or beyond a budget."""

    def over(self, default: Policy) -> Policy:
        return default.model_copy(update=self.model_dump(exclude_none=True))


class SchemaPin(Pinned):
    name: str
    """Name of a shipped schema, or `row:<id>`."""
    digest: str
    json_schema: dict[str, Any]

    def contract(self) -> Schema:
        """The shipped class while it is still the pinned one, else the pinned JSON Schema."""
        pinned = row_schema(self.name.removeprefix(PREFIX), self.json_schema)
        if self.name.startswith(PREFIX):
            return pinned
        try:
            shipped = schema(self.name)
        except NotFound:
            return pinned
        return shipped if schema_digest(shipped) == self.digest else pinned


class TemplatePin(Pinned):
    name: str
    text: str


class Limits(Pinned):
    """What one phase may use. None: the default of the profile or of the kind."""

    max_output_tokens: int | None = Field(None, gt=0)
    context_tokens: int = Field(12_000, ge=0)
    """Budget for repository text in the prompt, in estimated tokens."""
    whole_lines: int | None = Field(200, ge=0)
    """A file of more lines is changed by edits when most of it stays; None: it may always be given whole."""
    reasks: int = Field(2, ge=0, le=5)
    """How often an invalid answer is asked again."""
    wall_s: float = Field(300.0, gt=0)
    """Total time of a test command, in seconds."""
    baseline: bool = True
    """Whether tests that pass on the base commit have to be there and pass still."""
    control: bool = True
    """Whether tests that must fail are run beside changed Python code, to see that this is reported."""
    wait_s: float | None = Field(None, gt=0)
    """How long an approval or an event is waited for, in seconds; None: for ever."""
    on_deadline: Literal["grant", "refuse"] = "refuse"
    """What is decided when nobody has by then."""
    cache: bool = False
    """Whether an earlier answer to the very same question may be given again."""
    min_confidence: float | None = Field(None, ge=0, le=1)
    """An answer whose `confidence` is lower goes on to the next profile of the cascade, if any."""


class GatePin(Pinned):
    """A gate as it was when the run was made."""

    name: str
    kind: str
    files: tuple[str, ...]
    settings: dict[str, Any] = {}

    def spec(self) -> GateSpec:
        return GateSpec(self.name, self.kind, self.files, self.settings)


class PhaseSpec(Pinned):
    """One phase of a run."""

    name: str
    kind: str
    artifact: str | None
    output: SchemaPin | None
    prompt: PromptPin | None
    rework: PromptPin | None
    template: TemplatePin | None
    profile: ProfilePin | None
    route: RoutePin | None = None
    """None: the phase asks no model, or one profile was named for all phases."""
    inputs: tuple[str, ...]
    apply: Literal["workspace"] | None
    on_reject: str | None
    max_rework: int
    limits: Limits
    needs: tuple[str, ...] = ()
    """Permissions that somebody has to grant the run before the phase begins."""
    destination: str | None = None
    """Where the phase sends what it reads; its address and keys stay live."""
    permits: tuple[str, ...] = ()
    """Control files that an answer may write, after an approval."""
    gates: tuple[GatePin, ...] = ()
    """Checked beside those of the project."""
    settings: dict[str, Any] = {}
    """What only the kind of the phase knows."""


class Snapshot(Pinned):
    """All that a run pins. Prices, budgets, the kill switch and protected paths stay live."""

    definition: str
    write_documents: bool
    phases: tuple[PhaseSpec, ...]
    repair: PromptPin
    policy: Policy = Policy()

    @cached_property
    def sha256(self) -> str:
        return digest(self.model_dump(mode="json"))

    def cascade(self, spec: PhaseSpec, gates_failed: int = 0) -> Cascade:
        """Who is asked after the route's own profile, as the policy of the run lets it."""
        return Cascade(
            steps=tuple(
                CascadeStep(step.profile.within(spec.limits), step.on)
                for step in (spec.route.cascade if spec.route else ())
            ),
            critical=spec.route is not None and spec.route.critical,
            escalate_to_paid=self.policy.escalate_to_paid,
            fall_back_to_local=self.policy.fall_back_to_local,
            gates_failed=gates_failed,
            min_confidence=spec.limits.min_confidence,
        )

    def reworks(self, phase: str, rejections: Mapping[str, int]) -> int:
        """How often this phase had to work again, by how often each phase sent the work back."""
        here = self.index(phase)
        return sum(
            times
            for name, times in rejections.items()
            if (back := self.phases[self.index(name)].on_reject) is not None
            and self.index(back) <= here <= self.index(name)
        )

    def index(self, phase: str) -> int:
        return next(number for number, spec in enumerate(self.phases) if spec.name == phase)
