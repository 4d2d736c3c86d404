"""Schemas that are rows: plain JSON Schema, named `row:<id>`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from typing import Any

import jsonschema_rs

from app.errors import Invalid, SchemaMismatch

JSON = Any
PREFIX = "row:"
MAX_BYTES = 64 * 1024
MAX_ERRORS = 20


@dataclass(frozen=True)
class RowSchema:
    """A schema that a row describes."""

    name: str
    body: dict[str, JSON]
    validator: jsonschema_rs.Validator

    def json_schema(self) -> dict[str, JSON]:
        return self.body

    def validate(self, data: JSON) -> JSON:
        errors = list(islice(self.validator.iter_errors(data), MAX_ERRORS))
        if errors:
            raise SchemaMismatch([_line(error) for error in errors])
        return data


def row_schema(row_id: str, json_schema: dict[str, JSON]) -> RowSchema:
    """The schema `row:<id>`. Raises `Invalid` with the place when the JSON Schema is broken."""
    return RowSchema(f"{PREFIX}{row_id}", json_schema, _validator(json_schema))


def check_row_schema(json_schema: JSON) -> None:
    """Refuses a schema that could not judge an answer. Raises `Invalid`, which names the place."""
    _validator(json_schema)


def _validator(json_schema: JSON) -> jsonschema_rs.Validator:
    if not isinstance(json_schema, dict) or json_schema.get("type") != "object":
        raise Invalid('a schema must be a JSON object with "type": "object" at the top', place="type")
    try:
        size = len(json.dumps(json_schema, allow_nan=False).encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise Invalid(f"a schema must be plain JSON: {error}", place="") from None
    if size > MAX_BYTES:
        raise Invalid(f"a schema may have {MAX_BYTES} bytes, this has {size}", place="")
    try:
        # offline: a reference must not fetch; RegexOptions: a regex engine that can not run away
        return jsonschema_rs.validator_for(
            json_schema, offline=True, mask="value", pattern_options=jsonschema_rs.RegexOptions()
        )
    except jsonschema_rs.ValidationError as error:
        place = _path(error) or "top"
        raise Invalid(f"the schema is broken at {place}: {error.message}", place=place) from None


def _line(error: jsonschema_rs.ValidationError) -> str:
    path = _path(error)
    return f"{path}: {error.message}" if path else error.message


def _path(error: jsonschema_rs.ValidationError) -> str:
    return ".".join(str(part) for part in error.instance_path)
