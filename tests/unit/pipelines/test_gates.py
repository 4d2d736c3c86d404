"""Nothing is committed that was not tested: definitions that would get around it are refused."""

from __future__ import annotations

from typing import Any

import pytest

from app.errors import Invalid
from app.pipelines.definition import Definition, Known, Phase, check_definition
from app.pipelines.phases.kind import Draft, PhaseContext, PhaseResult

KNOWN = Known(roles=[], routes=[], schemas=["Doc"], templates=[])


class Silent:
    async def run(self, context: PhaseContext) -> PhaseResult:
        raise AssertionError("a check runs nothing")

    def check(self, draft: Draft) -> list[tuple[str, str]]:
        return []


KINDS = {"llm": Silent(), "tests": Silent(), "commit": Silent()}


def phase(name: str, kind: str = "llm", **values: Any) -> Phase:
    return Phase(**{"name": name, "kind": kind, "artifact": f"{name}_made", "schema": "Doc", **values})


def check(*phases: Phase) -> None:
    check_definition(Definition(name="d", description="A definition", phases=phases), KINDS, KNOWN)


def test_files_that_are_written_after_the_tests_can_not_be_committed() -> None:
    writes = phase("write", apply="workspace")
    check(writes, phase("try", "tests"), phase("keep", "commit"))
    with pytest.raises(Invalid, match="after all that write") as refusal:
        check(phase("try", "tests"), writes, phase("keep", "commit"))
    assert refusal.value.details["place"] == "phases[2].kind"


def test_work_that_is_committed_can_not_be_sent_back() -> None:
    back = {"on_reject": "write", "max_rework": 1}
    with pytest.raises(Invalid, match="committed can not be sent back"):
        check(phase("write"), phase("try", "tests"), phase("keep", "commit"), phase("late", **back))
