"""Every schema that ships fits every target."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import yaml

from app.artifacts.registry import SCHEMAS, schema
from app.llm.dialects.dialect import Target
from app.llm.dialects.translate import to_dialect
from app.settings import ROOT

ROWS = yaml.safe_load((ROOT / "seeds" / "schemas.yaml").read_text("utf-8"))
SHIPPED: dict[str, dict[str, Any]] = {
    **{name: schema(name).json_schema() for name in SCHEMAS},
    **{f"row:{name}": row["json_schema"] for name, row in ROWS.items()},
}
ASKED = sorted(SHIPPED.keys() - {"DeliveryRecord"})
"""A delivery's payload may be anything; no model writes one."""


@pytest.mark.parametrize("target", get_args(Target))
@pytest.mark.parametrize("name", ASKED)
def test_every_shipped_schema_can_come_back_from_every_target(name: str, target: Target) -> None:
    translated = to_dialect(SHIPPED[name], target)
    assert translated.schema["type"] == "object"
    lost = [line for line in translated.weakened if "is not checked by the server" not in line]
    assert [line for line in lost if not line.endswith("must always be given")] == []


@pytest.mark.parametrize("target", get_args(Target))
def test_a_payload_of_any_kind_is_translated_too(target: Target) -> None:
    assert to_dialect(SHIPPED["DeliveryRecord"], target).schema["type"] == "object"
