"""The body of all that a run pins, as values; its digest is its name."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.artifacts.registry import digest as schema_digest
from app.artifacts.registry import schema
from app.artifacts.rows import PREFIX, row_schema
from app.digests import digest
from app.errors import NotFound
from app.llm.types import BackendName, Profile, Schema, Think


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

    def profile(self) -> Profile:
        return Profile(**self.model_dump())


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
    reasks: int = Field(2, ge=0, le=5)
    """How often an invalid answer is asked again."""
    wall_s: float = Field(300.0, gt=0)
    """Total time of a test command, in seconds."""
    wait_s: float | None = Field(None, gt=0)
    """How long an approval or an event is waited for, in seconds; None: for ever."""
    on_deadline: Literal["grant", "refuse"] = "refuse"
    """What is decided when nobody has by then."""


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
    inputs: tuple[str, ...]
    apply: Literal["workspace"] | None
    on_reject: str | None
    max_rework: int
    limits: Limits
    needs: tuple[str, ...] = ()
    """Permissions that somebody has to grant the run before the phase begins."""
    destination: str | None = None
    """Where the phase sends what it reads; its address and keys stay live."""


class Snapshot(Pinned):
    """All that a run pins. Prices, budgets, the kill switch and protected paths stay live."""

    definition: str
    write_documents: bool
    phases: tuple[PhaseSpec, ...]
    repair: PromptPin

    @cached_property
    def sha256(self) -> str:
        return digest(self.model_dump(mode="json"))

    def index(self, phase: str) -> int:
        return next(number for number, spec in enumerate(self.phases) if spec.name == phase)
