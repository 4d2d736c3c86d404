"""Finding a schema by its name, and what third parties and rows can add."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from app.artifacts import registry
from app.artifacts.registry import artifact_name, digest, schema
from app.artifacts.rows import check_row_schema, row_schema
from app.errors import Invalid, NotFound, SchemaMismatch

VERDICT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "score": {"type": "integer", "minimum": 0},
        "label": {"type": "string", "pattern": "^[a-z]+$"},
    },
    "required": ["score"],
    "additionalProperties": False,
}


class Expense(BaseModel):
    """What another package could bring."""

    amount: int


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installed package with an entry point file still to be written."""
    folder = tmp_path / "thirdparty-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: thirdparty\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry.from_entry_points.cache_clear()
    yield folder / "entry_points.txt"
    registry.from_entry_points.cache_clear()


def test_an_alias_finds_the_schema() -> None:
    assert schema("CodeDeliverable").name == "DeveloperDeliverable"
    assert artifact_name("arch_spec") == "architecture"
    assert artifact_name("epic") == "epic"


def test_an_unknown_name_lists_those_that_exist() -> None:
    with pytest.raises(NotFound, match="no schema 'Nope'; there are: ArchitectureDeliverable, BrowserReport"):
        schema("Nope")


def test_an_entry_point_adds_a_schema_but_replaces_none(package: Path) -> None:
    lines = [f"{name} = tests.unit.artifacts.test_registry:Expense" for name in ("Expense", "QAIssue")]
    package.write_text("\n".join(["[workbench.schemas]", *lines]))
    assert schema("Expense").validate({"amount": 3}) == {"amount": 3}
    assert "severity" in schema("QAIssue").json_schema()["properties"]


def test_an_entry_point_that_is_no_schema_is_named(package: Path) -> None:
    package.write_text("[workbench.schemas]\nBroken = json:dumps\n")
    with pytest.raises(Invalid, match=r"'Broken' of workbench\.schemas is no Pydantic class: json:dumps"):
        schema("Broken")


def test_a_digest_ignores_the_order_of_keys() -> None:
    turned = dict(reversed(VERDICT.items()))
    assert digest(row_schema("1", VERDICT)) == digest(row_schema("2", turned))
    assert digest(schema("QAIssue")) != digest(schema("CodeFile"))


def test_a_row_judges_like_a_class() -> None:
    verdict = row_schema("verdict", VERDICT)
    assert (verdict.name, verdict.json_schema()) == ("row:verdict", VERDICT)
    assert verdict.validate({"score": 3}) == {"score": 3}
    with pytest.raises(SchemaMismatch) as mismatch:
        verdict.validate({"score": "high", "label": "A" * 1000, "more": 1})
    assert sorted(mismatch.value.errors) == [
        "Additional properties are not allowed ('more' was unexpected)",
        'label: value does not match "^[a-z]+$"',
        'score: value is not of type "integer"',
    ]


def test_a_pattern_can_not_run_away() -> None:
    evil = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}
    with pytest.raises(SchemaMismatch):
        row_schema("evil", evil).validate({"a": "a" * 50_000 + "!"})


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ([], "type"),
        ({}, "type"),
        ({"type": "array"}, "type"),
        ({"type": "object", "properties": {"a": {"type": "number?"}}}, "properties.a.type"),
        ({"type": "object", "properties": {"a": {"minimum": "x"}}}, "properties.a.minimum"),
        ({"type": "object", "properties": {"a": {"pattern": "["}}}, "properties.a.pattern"),
        ({"type": "object", "$ref": "http://127.0.0.1:1/schema"}, "top"),
        ({"type": "object", "$ref": "file:///etc/passwd"}, "top"),
        ({"type": "object", "$ref": "#/$defs/none"}, "top"),
        ({"type": "object", "$schema": "http://nobody.invalid"}, "top"),
        ({"type": "object", "description": "x" * 70_000}, ""),
        ({"type": "object", "default": float("nan")}, ""),
        ({"type": "object", "default": object()}, ""),
    ],
)
def test_a_broken_row_is_refused_with_the_place(body: Any, place: str) -> None:
    with pytest.raises(Invalid) as error:
        check_row_schema(body)
    assert error.value.details["place"] == place


def test_a_sound_row_passes_the_check() -> None:
    check_row_schema(VERDICT)
