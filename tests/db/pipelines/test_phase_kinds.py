"""The shipped phase kinds where something they need is missing."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from app.artifacts import store as artifacts
from app.errors import Invalid, NotFound
from app.pipelines import definitions
from app.pipelines.definition import Phase
from app.pipelines.orchestrator import PhaseExecutionOrchestrator
from app.pipelines.phases import Tools, create_kinds
from app.pipelines.phases.kind import JSON, Draft, PhaseContext
from app.pipelines.service import Defaults, PipelineService
from app.pipelines.snapshot import SchemaPin, Snapshot
from app.seeding.demo import SAMPLE_EPIC, file_digests
from app.services import Services
from app.workspace.sandbox.sandbox import Sandbox
from tests.db.software import ARCHITECTURE, EPIC, SHOUT, Shop, Team, code


async def context_of(services: Services, phase: str) -> PhaseContext:
    """The phase of a run that has no project."""

    async def progress(kind: str, data: JSON) -> None:
        return None

    async with services.database.transaction() as session:
        snapshot: Snapshot = await services.loader.load(session, "software", "recorded")
    return PhaseContext(
        pipeline_id=uuid4(),
        phase_run_id=1,
        fence=1,
        epic_description=SAMPLE_EPIC,
        snapshot=snapshot,
        spec=snapshot.phases[snapshot.index(phase)],
        round=0,
        project=None,
        base_commit=None,
        artifacts={},
        issues=(),
        progress=progress,
    )


@pytest.mark.parametrize("phase", ["test", "commit"])
async def test_a_phase_that_works_on_files_needs_a_project(services: Services, phase: str) -> None:
    context = await context_of(services, phase)
    with pytest.raises(Invalid, match="needs a project"):
        await services.kinds[context.spec.kind].run(context)


async def test_a_phase_without_a_prompt_is_told(services: Services) -> None:
    context = await context_of(services, "test")
    with pytest.raises(Invalid, match="no prompt, schema or route"):
        await services.kinds["llm"].run(context)


async def test_without_a_project_the_model_is_told_no_code(shop: Shop) -> None:
    services = shop.services
    async with services.database.transaction() as session:
        software = await definitions.get(session, "software")
        design = software.model_copy(update={"name": "design", "phases": software.phases[:2]})
        await definitions.save(session, design, services.kinds, by_person=True)
    plain = PipelineService(
        services.database, services.loader, services.signals, Defaults(profile="recorded")
    )
    run = await plain.create("An epic", definition="design")
    await plain.start(run.id)
    team = Team(pm=[EPIC], architect=[ARCHITECTURE])
    await shop.walk(run, team)
    assert run.project_id is None
    assert "Paths (0 of 0): []" in team.calls[1].messages[0].content
    assert (await services.pipelines.get(run.id)).state == "succeeded"


FAULTS = {
    "llm": {"role", "schema", "artifact", "route", "apply"},
    "tests": {"artifact", "schema"},
    "commit": {"artifact", "schema"},
}


@pytest.mark.parametrize("kind", FAULTS)
async def test_a_kind_names_what_a_configuration_lacks(services: Services, kind: str) -> None:
    bare = Draft("a", kind, None, None, None, None, "workspace", None)
    assert {field for field, _ in services.kinds[kind].check(bare)} == FAULTS[kind]


def kinds_without_a_sandbox(services: Services, **changes: object):  # type: ignore[no-untyped-def]
    tools = {
        "database": services.database,
        "caller": services.caller,
        "renderer": services.renderer,
        "sandbox": Sandbox("none"),
        "state_dir": services.settings.state_dir,
        "demo_digests": {},
        **changes,
    }
    return create_kinds(Tools(**tools))  # type: ignore[arg-type]


async def test_without_a_sandbox_the_tests_of_a_person_do_not_run(shop: Shop) -> None:
    services = shop.services
    run = await services.pipelines.create("An epic", definition="tiny", project="shop")
    await services.pipelines.start(run.id)
    kinds = kinds_without_a_sandbox(services)
    kinds["llm"] = shop.kinds(Team(developer=[code(SHOUT)]))["llm"]
    await PhaseExecutionOrchestrator(services.database, kinds, "w").handle(run.id, asyncio.Event())
    ended = await services.pipelines.get(run.id)
    assert ended.error is not None
    assert (ended.error["phase"], ended.error["code"]) == ("test", "sandbox_unavailable")
    assert f"workbench/{run.id}" not in shop.person.branches()


async def test_without_a_sandbox_the_demo_runs_and_says_so(services: Services) -> None:
    run = await services.pipelines.create(SAMPLE_EPIC)
    await services.pipelines.start(run.id)
    kinds = kinds_without_a_sandbox(services, demo_digests=file_digests())
    await PhaseExecutionOrchestrator(services.database, kinds, "w").handle(run.id, asyncio.Event())
    ended = await services.pipelines.get(run.id)
    assert (ended.state, ended.error) == ("succeeded", None)
    async with services.database.transaction() as session:
        results = (await artifacts.get(session, run.id, "test_results")).body
        with pytest.raises(NotFound, match=r"no artifact 'poem'; there are: .*epic"):
            await artifacts.get(session, run.id, "poem")
    assert "ran without a sandbox" in results["reason"]


async def test_an_edit_of_a_phase_that_is_not_there_names_those_that_are(services: Services) -> None:
    phase = Phase(name="boss", kind="llm")
    async with services.database.transaction() as session:
        with pytest.raises(NotFound, match="no phase 'boss'; there are: architect"):
            await definitions.save_phase(session, "software", "boss", phase, services.kinds)


@pytest.mark.parametrize("name", ["EpicDeliverable", "a schema that is gone", "row:gone"])
def test_a_run_is_judged_by_the_schema_it_pinned_whatever_became_of_it(name: str) -> None:
    pinned = SchemaPin(name=name, digest="0" * 64, json_schema={"type": "object", "required": ["only"]})
    assert pinned.contract().validate({"only": 1}) == {"only": 1}
