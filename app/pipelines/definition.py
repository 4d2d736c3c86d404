"""A pipeline definition as a value, and what it must pass before it is saved."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from app.artifacts.registry import artifact_name
from app.errors import Invalid
from app.pipelines.code import CODE_ARTIFACT
from app.pipelines.phases.kind import Draft, PhaseKind
from app.pipelines.snapshot import Limits

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]

ControlFile = Annotated[str, Field(min_length=1, max_length=500)]
Permission = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9:._/-]{0,63}$")]


class Phase(BaseModel):
    """One phase configuration as people write it."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: Name
    kind: Name
    role: Name | None = None
    rework_role: Name | None = None
    artifact: Name | None = None
    schema_name: str | None = Field(None, alias="schema")
    template: str | None = None
    route: Name | None = None
    inputs: tuple[Name, ...] = ()
    apply: Literal["workspace"] | None = None
    on_reject: Name | None = None
    max_rework: int = Field(0, ge=0, le=20)
    needs: tuple[Permission, ...] = ()
    """Permissions that somebody has to grant each run before the phase begins."""
    destination: Name | None = None
    """Where a phase of kind `deliver` sends what it reads."""
    permits: tuple[ControlFile, ...] = ()
    """Control files (paths or names) that an answer of the phase may write, after an approval."""
    gates: tuple[Name, ...] = ()
    """Gates beside those of the project, for a phase of kind `tests`."""
    settings: dict[str, Any] = {}
    """What only the kind knows, such as `argv` of a command; the kind checks it."""
    limits: Limits = Limits()

    @field_validator("artifact")
    @classmethod
    def _stored_name(cls, name: str | None) -> str | None:
        """An alias such as `arch_spec` is stored, and found, under its one name."""
        return None if name is None else artifact_name(name)

    @property
    def draft(self) -> Draft:
        return Draft(
            name=self.name,
            kind=self.kind,
            role=self.role,
            artifact=self.artifact,
            schema=self.schema_name,
            on_reject=self.on_reject,
            apply=self.apply,
            route=self.route,
            destination=self.destination,
            inputs=self.inputs,
            gates=self.gates,
            permits=self.permits,
            settings=self.settings,
        )


POWERFUL = frozenset({"command", "http"})
"""Kinds that run a program, or reach a server, which the definition names."""


class Definition(BaseModel):
    """A named, ordered list of phases."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    description: str = Field(min_length=1, max_length=500)
    write_documents: bool = False
    phases: tuple[Phase, ...] = Field(min_length=1, max_length=50)


@dataclass(frozen=True)
class Known:
    """The names that a definition may use."""

    roles: Collection[str]
    routes: Collection[str]
    schemas: Collection[str]
    templates: Collection[str]
    destinations: Collection[str] = ()
    gates: Collection[str] = ()


def check_definition(definition: Definition, kinds: Mapping[str, PhaseKind], known: Known) -> None:
    """Raises `Invalid` with the first fault; `place` says where, such as `phases[2].schema`."""
    earlier: list[Phase] = []
    for index, phase in enumerate(definition.phases):
        for field, what in _faults(phase, earlier, kinds, known):
            place = f"phases[{index}].{field}"
            raise Invalid(f"{definition.name}: {place} ({phase.name}): {what}", place=place)
        earlier.append(phase)


def _faults(
    phase: Phase, earlier: list[Phase], kinds: Mapping[str, PhaseKind], known: Known
) -> list[tuple[str, str]]:
    if phase.name in {other.name for other in earlier}:
        return [("name", "an earlier phase has this name")]
    if phase.kind not in kinds:
        return [("kind", _no("phase kind", phase.kind, kinds))]
    return [
        *_unknown_names(phase, known),
        *_broken_order(phase, earlier),
        *kinds[phase.kind].check(phase.draft),
    ]


def _unknown_names(phase: Phase, known: Known) -> list[tuple[str, str]]:
    named: list[tuple[str, str | None, Collection[str]]] = [
        ("role", phase.role, known.roles),
        ("rework_role", phase.rework_role, known.roles),
        ("schema", phase.schema_name, known.schemas),
        ("template", phase.template, known.templates),
        ("route", phase.route, known.routes),
        ("destination", phase.destination, known.destinations),
    ]
    named += [("gates", name, known.gates) for name in phase.gates]
    return [
        (field, _no(field.replace("_", " "), name, names))
        for field, name, names in named
        if name is not None and name not in names
    ]


def _broken_order(phase: Phase, earlier: list[Phase]) -> list[tuple[str, str]]:
    names = [other.name for other in earlier]
    kinds = [other.kind for other in earlier]
    made = [other.artifact for other in earlier if other.artifact]
    faults = [
        ("inputs", _no("artifact of an earlier phase", name, made))
        for name in phase.inputs
        if artifact_name(name) not in made
    ]
    if phase.on_reject is not None and phase.on_reject not in names:
        faults.append(("on_reject", _no("earlier phase", phase.on_reject, names)))
    if phase.on_reject is not None and phase.max_rework == 0:
        faults.append(("max_rework", "it must be at least 1 when on_reject is set"))
    if phase.kind == "commit" and not _is_tested(earlier):
        faults.append(("kind", "a commit needs an earlier phase of kind tests, after all that write"))
    if phase.kind == "commit" and "commit" in kinds:
        faults.append(("kind", "a run commits once, and an earlier phase does"))
    if phase.on_reject in names and "commit" in kinds[names.index(phase.on_reject) :]:
        faults.append(("on_reject", "work that is committed can not be sent back: no commit in between"))
    if phase.destination is not None and phase.kind != "deliver":
        faults.append(("destination", "only a phase of kind deliver sends something"))
    if phase.gates and phase.kind != "tests":
        faults.append(("gates", "only a phase of kind tests checks gates"))
    if phase.permits and phase.apply is None:
        faults.append(("permits", "only a phase that writes files (apply) can be permitted some"))
    grows = phase.apply is not None and phase.artifact == CODE_ARTIFACT
    if phase.artifact in made and not grows:  # each phase that writes files adds to the code
        faults.append(("artifact", f"an earlier phase makes {phase.artifact!r} already"))
    return faults


def _is_tested(earlier: list[Phase]) -> bool:
    """Whether tests come after every phase that writes files."""
    last = next((phase for phase in reversed(earlier) if phase.kind == "tests" or phase.apply), None)
    return last is not None and last.kind == "tests"


def _no(kind: str, name: str | None, known: Collection[str]) -> str:
    return f"no {kind} {name!r}; there are: {', '.join(sorted(known)) or 'none'}"
