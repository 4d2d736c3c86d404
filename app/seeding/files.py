"""Reads the files in seeds/ into checked values; `app/seeding/rows.py` writes them to the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import yaml
from jinja2 import TemplateSyntaxError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from app.errors import Invalid
from app.llm.types import JSON, BackendName, Profile, Think
from app.settings import ROOT

SEEDS = ROOT / "seeds"
TASK_MARK = "<!-- task -->"
SYSTEM_VARIABLES = frozenset({"schema", "schema_name"})

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
Positive = Annotated[int, Field(gt=0)]
T = TypeVar("T")


class Seed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


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
    """The stable prefix; it may use `schema` and `schema_name`."""
    task: str = Field(min_length=1)


class Limits(Seed):
    max_output_tokens: Positive | None = None
    context_tokens: Positive | None = None
    """Budget of the repository text in the prompt."""
    reasks: int | None = Field(None, ge=0)
    wall_s: Positive | None = None


class PhaseSeed(Seed):
    name: Name
    kind: Name
    role: Name | None = None
    rework_role: Name | None = None
    artifact: Name
    schema_name: str | None = Field(None, alias="schema")
    template: str | None = None
    route: Name | None = None
    inputs: tuple[Name, ...] = ()
    apply: Literal["workspace"] | None = None
    on_reject: Name | None = None
    max_rework: int = Field(0, ge=0)
    limits: Limits = Limits()


class DefinitionSeed(Seed):
    name: Name
    description: str = Field(min_length=1)
    write_documents: bool
    phases: tuple[PhaseSeed, ...] = Field(min_length=1)


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
    price_usd_per_mtok: dict[Literal["input", "output", "cache_read", "cache_write"], float] | None = None

    def profile(self) -> Profile:
        return Profile(**self.model_dump(exclude={"description"}))


class RouteSeed(Seed):
    profile: str
    description: str = Field(min_length=1)


class SchemaSeed(Seed):
    description: str = Field(min_length=1)
    json_schema: dict[str, JSON]


@dataclass(frozen=True)
class Seeds:
    """All that a new database starts with, by name."""

    prompts: Mapping[str, PromptSeed]
    definitions: Mapping[str, DefinitionSeed]
    profiles: Mapping[str, ProfileSeed]
    routes: Mapping[str, RouteSeed]
    schemas: Mapping[str, SchemaSeed]


def load_seeds(root: Path = SEEDS) -> Seeds:
    """Reads every file under `root`. Raises `Invalid` that names the file and the place in it."""
    prompts = [_named(path, _read_prompt(path), "role") for path in sorted(root.glob("prompts/*.md"))]
    pipelines = sorted(root.glob("pipelines/*.yaml"))
    definitions = [_named(path, _read(path, DefinitionSeed), "name") for path in pipelines]
    profiles = _read(root / "models.yaml", tuple[ProfileSeed, ...])
    seeds = Seeds(
        prompts={prompt.role: prompt for prompt in prompts},
        definitions={definition.name: definition for definition in definitions},
        profiles=_by_name(root / "models.yaml", profiles),
        routes=_read(root / "routes.yaml", dict[Name, RouteSeed]),
        schemas=_read(root / "schemas.yaml", dict[Name, SchemaSeed]),
    )
    _check_references(root, seeds)
    return seeds


def _read(path: Path, kind: type[T]) -> T:
    return _validated(path, kind, _yaml(path, _text(path)))


def _read_prompt(path: Path) -> PromptSeed:
    text = _text(path)
    if not text.startswith("---\n") or text.count("\n---\n") != 1:
        raise _wrong(path, "front matter", "it must stand between two lines of ---, at the top")
    head, _, body = text.removeprefix("---\n").partition("\n---\n")
    parts = body.split(f"\n{TASK_MARK}\n")
    if len(parts) != 2:
        raise _wrong(path, "body", f"the line {TASK_MARK} must stand in it once")
    front = _yaml(path, head)
    if not isinstance(front, dict):
        raise _wrong(path, "front matter", "it must be a map of names to values")
    prompt = _validated(path, PromptSeed, {**front, "system": parts[0].strip(), "task": parts[1].strip()})
    _check_variables(path, prompt)
    return prompt


def _check_variables(path: Path, prompt: PromptSeed) -> None:
    unknown = _variables(path, "system part", prompt.system) - SYSTEM_VARIABLES
    if unknown:
        raise _wrong(path, "system part", f"it may not use {_list(unknown)}: only the task part changes")
    used, declared = _variables(path, "task part", prompt.task), set(prompt.variables)
    if used != declared:
        raise _wrong(path, "variables", f"declared {_list(declared)}, but the task part uses {_list(used)}")


def _variables(path: Path, place: str, template: str) -> set[str]:
    try:
        return meta.find_undeclared_variables(ImmutableSandboxedEnvironment().parse(template))
    except TemplateSyntaxError as error:
        raise _wrong(path, f"{place}, line {error.lineno}", str(error)) from error


def _check_references(root: Path, seeds: Seeds) -> None:
    for role, prompt in seeds.prompts.items():
        _check_row(root / f"prompts/{role}.md", "schema", prompt.schema_name, seeds)
    for name, route in seeds.routes.items():
        _check(root / "routes.yaml", f"{name}.profile", route.profile, seeds.profiles)
    for name, definition in seeds.definitions.items():
        _check_definition(root / f"pipelines/{name}.yaml", definition, seeds)


def _check_definition(path: Path, definition: DefinitionSeed, seeds: Seeds) -> None:
    earlier: list[str] = []
    artifacts: list[str] = []
    for phase in definition.phases:
        at = f"phases.{phase.name}"
        if phase.name in earlier:
            raise _wrong(path, at, "two phases have this name")
        for field in ("role", "rework_role"):
            _check(path, f"{at}.{field}", getattr(phase, field), seeds.prompts)
        _check(path, f"{at}.route", phase.route, seeds.routes)
        _check_row(path, f"{at}.schema", phase.schema_name, seeds)
        for name in phase.inputs:
            _check(path, f"{at}.inputs", name, artifacts)
        _check(path, f"{at}.on_reject", phase.on_reject, earlier)
        earlier.append(phase.name)
        artifacts.append(phase.artifact)


def _check_row(path: Path, place: str, schema: str | None, seeds: Seeds) -> None:
    if schema is not None and schema.startswith("row:"):
        _check(path, place, schema.removeprefix("row:"), seeds.schemas)


def _check(path: Path, place: str, name: str | None, known: Iterable[str]) -> None:
    if name is not None and name not in known:
        raise _wrong(path, place, f"no {name!r} here; there are: {_list(known)}")


def _named(path: Path, seed: T, field: str) -> T:
    if getattr(seed, field) != path.stem:
        raise _wrong(path, field, f"it must be the name of the file, {path.stem!r}")
    return seed


def _by_name(path: Path, profiles: Iterable[ProfileSeed]) -> dict[str, ProfileSeed]:
    found: dict[str, ProfileSeed] = {}
    for profile in profiles:
        if profile.name in found:
            raise _wrong(path, profile.name, "two profiles have this name")
        found[profile.name] = profile
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(path, "file", f"it can not be read: {error}") from error


def _yaml(path: Path, text: str) -> JSON:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise _wrong(path, "YAML", str(error)) from error


def _validated(path: Path, kind: type[T], data: JSON) -> T:
    try:
        return TypeAdapter(kind).validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        raise _wrong(path, ".".join(str(step) for step in first["loc"]) or "file", first["msg"]) from error


def _wrong(path: Path, place: str, what: str) -> Invalid:
    return Invalid(f"{path}: {place}: {what}", file=str(path), place=place)


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
