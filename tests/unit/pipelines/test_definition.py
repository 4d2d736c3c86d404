"""What a definition must pass before it is saved."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from app.errors import Invalid
from app.pipelines.definition import Definition, Known, Phase, check_definition
from app.pipelines.phases.kind import Draft, PhaseContext, PhaseResult

KNOWN = Known(roles=["pm", "qa"], routes=["light"], schemas=["Doc"], templates=["doc.md.j2"])


class Any_:
    """A kind that needs an artifact."""

    async def run(self, context: PhaseContext) -> PhaseResult:
        raise AssertionError("a check runs nothing")

    def check(self, draft: Draft) -> list[tuple[str, str]]:
        return [] if draft.artifact else [("artifact", "this kind needs one")]


KINDS = {"llm": Any_(), "tests": Any_(), "commit": Any_()}


def phase(name: str, kind: str = "llm", **values: Any) -> Phase:
    return Phase(**{"name": name, "kind": kind, "artifact": f"{name}_made", "schema": "Doc", **values})


def check(*phases: Phase) -> None:
    check_definition(Definition(name="d", description="A definition", phases=phases), KINDS, KNOWN)


def test_a_definition_that_names_only_what_there_is_passes() -> None:
    check(
        phase("a", role="pm", rework_role="qa", route="light", template="doc.md.j2"),
        phase("b", "tests", inputs=("a_made",), on_reject="a", max_rework=1),
        phase("c", "commit"),
    )


def test_an_artifact_is_stored_and_found_under_its_one_name_whatever_its_alias() -> None:
    made = phase("a", artifact="arch_spec")
    assert made.artifact == made.draft.artifact == "architecture"
    assert made.model_dump(mode="json")["artifact"] == "architecture"
    check(made, phase("b", inputs=("arch_spec",)), phase("c", inputs=("architecture",)))


FAULTS = [
    ([phase("a"), phase("a", artifact="other")], "phases[1].name", "an earlier phase has this name"),
    ([phase("a", "magic")], "phases[0].kind", "no phase kind 'magic'; there are: commit, llm, tests"),
    ([phase("a", role="boss")], "phases[0].role", "no role 'boss'; there are: pm, qa"),
    ([phase("a", rework_role="boss")], "phases[0].rework_role", "no rework role 'boss'"),
    ([phase("a", schema="Nope")], "phases[0].schema", "no schema 'Nope'; there are: Doc"),
    ([phase("a", template="x")], "phases[0].template", "no template 'x'"),
    ([phase("a", route="fast")], "phases[0].route", "no route 'fast'; there are: light"),
    ([phase("a", inputs=("later",))], "phases[0].inputs", "no artifact of an earlier phase 'later'"),
    ([phase("a", on_reject="a", max_rework=1)], "phases[0].on_reject", "no earlier phase 'a'"),
    ([phase("a"), phase("b", on_reject="a")], "phases[1].max_rework", "at least 1"),
    ([phase("a"), phase("b", artifact="a_made")], "phases[1].artifact", "makes 'a_made' already"),
    ([phase("t", "tests"), phase("b", "commit"), phase("c", "commit")], "phases[2].kind", "commits once"),
    ([phase("a"), phase("b", "commit")], "phases[1].kind", "a commit needs an earlier phase of kind tests"),
    ([phase("a", artifact=None)], "phases[0].artifact", "this kind needs one"),
]  # fmt: skip


@pytest.mark.parametrize(("phases", "place", "what"), FAULTS, ids=[place for _, place, _ in FAULTS])
def test_a_fault_names_its_place_and_what_exists(phases: list[Phase], place: str, what: str) -> None:
    with pytest.raises(Invalid) as fault:
        check(*phases)
    assert fault.value.details["place"] == place
    assert what in fault.value.message


@pytest.mark.parametrize(
    "values",
    [
        {"name": "Upper"},
        {"kind": ""},
        {"surprise": 1},
        {"max_rework": 21},
        {"apply": "disk"},
        {"limits": {"wall_s": 0}},
    ],
    ids=str,
)
def test_a_phase_with_a_typo_is_refused_when_it_is_read(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Phase.model_validate({"name": "a", "kind": "llm", **values})
