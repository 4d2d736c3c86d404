"""Which artifact schemas there are: one dict, plus the entry points of other packages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Protocol

from pydantic import BaseModel, ValidationError
from pydantic.json_schema import GenerateJsonSchema

from app import digests
from app.artifacts.schemas.architecture import ArchitectureDeliverable
from app.artifacts.schemas.browser import BrowserReport
from app.artifacts.schemas.code_file import CodeFile
from app.artifacts.schemas.command import CommandResult
from app.artifacts.schemas.commit import CommitRecord
from app.artifacts.schemas.component import ComponentSpec
from app.artifacts.schemas.delivery import DeliveryRecord
from app.artifacts.schemas.developer import DeveloperDeliverable
from app.artifacts.schemas.epic import EpicDeliverable
from app.artifacts.schemas.http import HttpResult
from app.artifacts.schemas.method import MethodSpec
from app.artifacts.schemas.qa import QADeliverable
from app.artifacts.schemas.qa_issue import QAIssue
from app.artifacts.schemas.results import TestResults
from app.errors import Invalid, SchemaMismatch, unknown

JSON = Any
ENTRY_POINTS = "workbench.schemas"
MAX_ERRORS = 20
"""Lines of one mismatch: a model reads them again, so they are few."""

SCHEMAS: dict[str, type[BaseModel]] = {
    "ArchitectureDeliverable": ArchitectureDeliverable,
    "BrowserReport": BrowserReport,
    "CodeFile": CodeFile,
    "CommandResult": CommandResult,
    "CommitRecord": CommitRecord,
    "ComponentSpec": ComponentSpec,
    "DeliveryRecord": DeliveryRecord,
    "DeveloperDeliverable": DeveloperDeliverable,
    "EpicDeliverable": EpicDeliverable,
    "HttpResult": HttpResult,
    "MethodSpec": MethodSpec,
    "QADeliverable": QADeliverable,
    "QAIssue": QAIssue,
    "TestResults": TestResults,
}
SCHEMA_ALIASES = {"CodeDeliverable": "DeveloperDeliverable"}
ARTIFACT_ALIASES = {"arch_spec": "architecture"}


class Schema(Protocol):
    """What a document must look like, whoever describes it: a class or a row."""

    @property
    def name(self) -> str: ...

    def json_schema(self) -> dict[str, JSON]: ...

    def validate(self, data: JSON) -> JSON:
        """The validated document as plain JSON. Raises `SchemaMismatch` with one line per error."""


@dataclass(frozen=True)
class ModelSchema:
    """A schema that a Pydantic class describes."""

    name: str
    model: type[BaseModel]

    def json_schema(self) -> dict[str, JSON]:
        return self.model.model_json_schema(schema_generator=_WithoutTitles)

    def validate(self, data: JSON) -> JSON:
        try:
            return self.model.model_validate(data).model_dump(mode="json")
        except ValidationError as error:
            raise SchemaMismatch(_lines(error)) from None


def schema(name: str) -> Schema:
    """The schema of that name or alias. Raises `NotFound`, which lists the names."""
    name = SCHEMA_ALIASES.get(name, name)
    models = {**from_entry_points(), **SCHEMAS}
    if name not in models:
        raise unknown("schema", name, [*models, *SCHEMA_ALIASES])
    return ModelSchema(name, models[name])


def schema_names() -> list[str]:
    """Every name and alias that `schema` takes."""
    return sorted({**from_entry_points(), **SCHEMAS, **SCHEMA_ALIASES})


def artifact_name(name: str) -> str:
    """The name under which an artifact is stored."""
    return ARTIFACT_ALIASES.get(name, name)


def digest(schema: Schema) -> str:
    """SHA-256 of the JSON Schema in canonical form: equal schemas have equal digests."""
    return digests.digest(schema.json_schema())


class _WithoutTitles(GenerateJsonSchema):
    """Titles repeat the names and cost tokens."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def model_schema(self, schema: Any) -> dict[str, Any]:
        result = super().model_schema(schema)
        result.pop("title", None)
        return result


@cache
def from_entry_points() -> Mapping[str, type[BaseModel]]:
    found = {}
    for point in entry_points(group=ENTRY_POINTS):
        model = point.load()
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise Invalid(f"entry point {point.name!r} of {ENTRY_POINTS} is no Pydantic class: {point.value}")
        found[point.name] = model
    return found


def _lines(error: ValidationError) -> list[str]:
    """`path: what` per error; the values stay out, they may be long."""
    errors = error.errors(include_url=False, include_input=False)
    lines = []
    for item in errors[:MAX_ERRORS]:
        path = ".".join(str(part) for part in item["loc"])
        what = item["msg"].removeprefix("Value error, ")
        lines.append(f"{path}: {what}" if path else what)
    if len(errors) > MAX_ERRORS:
        lines.append(f"document: {len(errors) - MAX_ERRORS} more errors")
    return lines
