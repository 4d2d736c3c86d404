"""What the files in seeds/ hold, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.llm.types import JSON, BackendName, CodeChannel, Profile, Think
from app.pipelines.definition import Definition
from app.pipelines.route import Keyword, RouteSpec

LimitName = Annotated[str, Field(pattern=r"^(backend|profile):[a-z0-9][a-z0-9._-]{0,63}$")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
Positive = Annotated[int, Field(gt=0)]
Price = Literal["input", "output", "cache_read", "cache_write", "cache_write_1h"]


class Seed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PromptSeed(Seed):
    role: Name
    description: str = Field(min_length=1)
    schema_name: str | None = Field(alias="schema")
    """Schema of the answer; None: whatever the failing call asked for."""
    variables: tuple[Name, ...]
    """Names the task part uses."""
    message: str = Field(min_length=1)
    """Commit message of the first version."""
    system: str = Field(min_length=1)
    """The stable prefix; it may use `schema`, `schema_name`, `constrained` and `blocks`."""
    task: str = Field(min_length=1)


class ProfileSeed(Seed):
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    description: str = Field(min_length=1)
    backend: BackendName
    model: str = Field(min_length=1)
    context_tokens: Positive
    max_output_tokens: Positive
    think: Think
    temperature: float | None = Field(None, ge=0, le=2)
    timeout_s: float | None = Field(None, gt=0)
    price_usd_per_mtok: dict[Price, float] | None = None
    vram_gb: float | None = Field(None, gt=0)
    max_turns: int = Field(3, ge=1, le=10)
    code_channel: CodeChannel = "json"

    def profile(self) -> Profile:
        return Profile(**self.model_dump(exclude={"description"}))


class LimitSeed(Seed):
    max_concurrent: Positive | None = None
    requests_per_minute: Positive | None = None
    tokens_per_minute: Positive | None = None


class SchemaSeed(Seed):
    description: str = Field(min_length=1)
    json_schema: dict[str, JSON]


class GateSeed(Seed):
    kind: Name
    description: str = Field(min_length=1)
    files: tuple[str, ...] = Field(min_length=1)
    settings: dict[str, JSON] = {}


class ProbeSeed(Seed):
    """One question of a probe."""

    name: Name
    system: str = Field(min_length=1)
    task: str = Field(min_length=1)
    json_schema: dict[str, JSON] = Field(alias="schema")
    expect: dict[str, tuple[JSON, ...]] = Field(min_length=1)
    """Top-level field of the answer → the values that are right."""


@dataclass(frozen=True)
class Seeds:
    """All that a new database starts with, by name."""

    prompts: Mapping[str, PromptSeed]
    definitions: Mapping[str, Definition]
    profiles: Mapping[str, ProfileSeed]
    routes: Mapping[str, RouteSpec]
    keywords: Sequence[Keyword]
    """In the order in which they are looked for."""
    limits: Mapping[str, LimitSeed]
    schemas: Mapping[str, SchemaSeed]
    gates: Mapping[str, GateSeed]
