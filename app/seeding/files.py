"""Reads the files in seeds/ into checked values; `app/seeding/rows.py` writes them to the database."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import yaml
from jinja2.meta import find_undeclared_variables
from pydantic import TypeAdapter, ValidationError

from app.artifacts.rows import row_schema
from app.errors import Invalid, WorkbenchError
from app.llm.probing.case import Case
from app.llm.types import JSON
from app.pipelines.definition import Definition
from app.pipelines.route import Keyword, RouteName, RouteSpec, Word
from app.rendering.environment import Sandbox
from app.rendering.filling import compiled
from app.seeding.references import check_references, wrong
from app.seeding.values import (
    GateSeed,
    LimitName,
    LimitSeed,
    Name,
    ProbeSeed,
    ProfileSeed,
    PromptSeed,
    SchemaSeed,
    Seeds,
)
from app.settings import ROOT

SEEDS = ROOT / "seeds"
TASK_MARK = "<!-- task -->"
SYSTEM_VARIABLES = frozenset({"schema", "schema_name", "constrained", "blocks"})
"""The stable prefix may use nothing that changes from call to call, and the task part not these."""
ANSWER = "Answer with one JSON object that fits this JSON Schema, and with nothing else:\n{schema}"
"""Said in every mode of a probe, so that the modes differ in nothing but what binds the answer."""

T = TypeVar("T")


def load_seeds(root: Path = SEEDS) -> Seeds:
    """Reads every file under `root`. Raises `Invalid` that names the file and the place in it."""
    prompts = [_named(path, _read_prompt(path), "role") for path in sorted(root.glob("prompts/*.md"))]
    pipelines = sorted(root.glob("pipelines/*.yaml"))
    definitions = [_named(path, _read(path, Definition), "name") for path in pipelines]
    profiles = _read(root / "models.yaml", tuple[ProfileSeed, ...])
    seeds = Seeds(
        prompts={prompt.role: prompt for prompt in prompts},
        definitions={definition.name: definition for definition in definitions},
        profiles=_by_name(root / "models.yaml", profiles),
        routes=_read(root / "routes.yaml", dict[Name, RouteSpec]),
        keywords=[
            Keyword(keyword=word, route=route)
            for word, route in _read(root / "keywords.yaml", dict[Word, RouteName]).items()
        ],
        limits=_read(root / "limits.yaml", dict[LimitName, LimitSeed]),
        schemas=_read(root / "schemas.yaml", dict[Name, SchemaSeed]),
        gates=_read(root / "gates.yaml", dict[Name, GateSeed]),
    )
    check_references(root, seeds)
    return seeds


def load_probes(root: Path = SEEDS) -> tuple[Case, ...]:
    """The questions of a probe, by name; no other command needs them. Raises `Invalid` like `load_seeds`."""
    paths = sorted(root.glob("probes/*.yaml"))
    return tuple(_case(path, _named(path, _read(path, ProbeSeed), "name")) for path in paths)


def _case(path: Path, seed: ProbeSeed) -> Case:
    try:
        schema = row_schema(f"probe_{seed.name}", seed.json_schema)
    except Invalid as error:
        raise wrong(path, "schema", error.message) from error
    if stray := seed.expect.keys() - seed.json_schema.get("properties", {}).keys():
        raise wrong(path, "expect", f"the schema has no {_list(stray)}")
    stated = ANSWER.format(schema=json.dumps(seed.json_schema, ensure_ascii=False))
    return Case(seed.name, f"{seed.system}\n{stated}", seed.task.strip(), schema, seed.expect)


def _read(path: Path, kind: type[T]) -> T:
    return _validated(path, kind, _yaml(path, _text(path)))


def _read_prompt(path: Path) -> PromptSeed:
    text = _text(path)
    if not text.startswith("---\n") or text.count("\n---\n") != 1:
        raise wrong(path, "front matter", "it must stand between two lines of ---, at the top")
    head, _, body = text.removeprefix("---\n").partition("\n---\n")
    parts = body.split(f"\n{TASK_MARK}\n")
    if len(parts) != 2:
        raise wrong(path, "body", f"the line {TASK_MARK} must stand in it once")
    front = _yaml(path, head)
    if not isinstance(front, dict):
        raise wrong(path, "front matter", "it must be a map of names to values")
    prompt = _validated(path, PromptSeed, {**front, "system": parts[0].strip(), "task": parts[1].strip()})
    _check_variables(path, prompt)
    return prompt


def _check_variables(path: Path, prompt: PromptSeed) -> None:
    system = _variables(path, "system part", prompt.system)
    task = _variables(path, "task part", prompt.task)
    if stray := system - SYSTEM_VARIABLES:
        raise wrong(path, "system part", f"it may not use {_list(stray)}: only the task part changes")
    if stray := task & SYSTEM_VARIABLES:
        raise wrong(path, "task part", f"it may not use {_list(stray)}: that is for the system part")
    if (used := system | task) != set(prompt.variables):
        declared = _list(prompt.variables)
        raise wrong(path, "variables", f"declared are {declared}, but the text uses {_list(used)}")


def _variables(path: Path, place: str, template: str) -> set[str]:
    try:
        compiled(template, place)
    except WorkbenchError as error:
        raise wrong(path, place, error.message) from error
    return find_undeclared_variables(Sandbox().parse(template))


def _named(path: Path, seed: T, field: str) -> T:
    if getattr(seed, field) != path.stem:
        raise wrong(path, field, f"it must be the name of the file, {path.stem!r}")
    return seed


def _by_name(path: Path, profiles: Iterable[ProfileSeed]) -> dict[str, ProfileSeed]:
    found: dict[str, ProfileSeed] = {}
    for profile in profiles:
        if profile.name in found:
            raise wrong(path, profile.name, "two profiles have this name")
        found[profile.name] = profile
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise wrong(path, "file", f"it can not be read: {error}") from error


def _yaml(path: Path, text: str) -> JSON:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise wrong(path, "YAML", str(error)) from error


def _validated(path: Path, kind: type[T], data: JSON) -> T:
    try:
        return TypeAdapter(kind).validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        raise wrong(path, ".".join(str(step) for step in first["loc"]) or "file", first["msg"]) from error


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
