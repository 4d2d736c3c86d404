"""Checks that the seeds name only what exists: roles, schemas, routes, profiles, artifacts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from app.artifacts.registry import schema
from app.artifacts.rows import PREFIX, check_row_schema
from app.errors import Invalid, WorkbenchError
from app.llm.backends import backend_names
from app.llm.types import JSON
from app.pipelines.definition import Definition
from app.pipelines.route import ANYTHING, check_route
from app.seeding.values import Seeds
from app.workspace.gates import check_gate
from app.workspace.gates.gate import GateSpec


def check_references(root: Path, seeds: Seeds) -> None:
    for row_id, row in seeds.schemas.items():
        _check_json_schema(root / "schemas.yaml", row_id, row.json_schema)
    for role, prompt in seeds.prompts.items():
        _check_schema(root / f"prompts/{role}.md", "schema", prompt.schema_name, seeds)
    backends = backend_names()
    for name, profile in seeds.profiles.items():
        _check(root / "models.yaml", f"{name}.backend", profile.backend, backends)
    _check_routes(root / "routes.yaml", seeds)
    for keyword in seeds.keywords:
        _check(root / "keywords.yaml", keyword.keyword, keyword.route, seeds.routes)
    if ANYTHING not in [keyword.keyword for keyword in seeds.keywords]:
        raise wrong(root / "keywords.yaml", ANYTHING, "it must say where any other text goes")
    for name in seeds.limits:
        kind, _, subject = name.partition(":")
        _check(root / "limits.yaml", name, subject, backends if kind == "backend" else seeds.profiles)
    for name, gate in seeds.gates.items():
        try:
            check_gate(GateSpec(name, gate.kind, gate.files, gate.settings))
        except WorkbenchError as error:
            raise wrong(root / "gates.yaml", name, error.message) from error
    for name, definition in seeds.definitions.items():
        _check_definition(root / f"pipelines/{name}.yaml", definition, seeds)


def _check_definition(path: Path, definition: Definition, seeds: Seeds) -> None:
    earlier: list[str] = []
    artifacts: list[str] = []
    for phase in definition.phases:
        at = f"phases.{phase.name}"
        if phase.name in earlier:
            raise wrong(path, at, "two phases have this name")
        for field in ("role", "rework_role"):
            _check(path, f"{at}.{field}", getattr(phase, field), seeds.prompts)
        _check(path, f"{at}.route", phase.route, seeds.routes)
        _check_schema(path, f"{at}.schema", phase.schema_name, seeds)
        for name in phase.inputs:
            _check(path, f"{at}.inputs", name, artifacts)
        _check(path, f"{at}.on_reject", phase.on_reject, earlier)
        for name in phase.gates:
            _check(path, f"{at}.gates", name, seeds.gates)
        earlier.append(phase.name)
        artifacts += [phase.artifact] if phase.artifact else []


def _check_routes(path: Path, seeds: Seeds) -> None:
    profiles = {name: profile.profile() for name, profile in seeds.profiles.items()}
    for name, route in seeds.routes.items():
        try:
            check_route(route, profiles)
        except WorkbenchError as error:
            raise wrong(path, f"{name}.{error.details['place']}", error.message) from error


def _check_json_schema(path: Path, row_id: str, body: JSON) -> None:
    try:
        check_row_schema(body)
    except WorkbenchError as error:
        raise wrong(path, f"{row_id}.json_schema", error.message) from error


def _check_schema(path: Path, place: str, name: str | None, seeds: Seeds) -> None:
    if name is None:
        return
    if name.startswith(PREFIX):
        _check(path, place, name.removeprefix(PREFIX), seeds.schemas)
        return
    try:
        schema(name)
    except WorkbenchError as error:
        raise wrong(path, place, error.message) from error


def _check(path: Path, place: str, name: str | None, known: Iterable[str]) -> None:
    if name is not None and name not in known:
        raise wrong(path, place, f"no {name!r} here; there are: {', '.join(sorted(known)) or 'none'}")


def wrong(path: Path, place: str, what: str) -> Invalid:
    """The error for a fault in a seed file: which file, where in it, what."""
    return Invalid(f"{path}: {place}: {what}", file=str(path), place=place)
