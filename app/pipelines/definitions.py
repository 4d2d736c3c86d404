"""Stores definitions: list, read, save after checking, edit one phase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.artifacts.documents import shipped_templates
from app.artifacts.registry import schema_names
from app.artifacts.rows import PREFIX
from app.errors import unknown
from app.pipelines.definition import Definition, Known, Phase, check_definition
from app.pipelines.phases.kind import PhaseKind
from app.pipelines.rows import RowSource
from app.prompts import store as prompts
from app.tables import ArtifactSchema, Destination, Gate, PhaseConfiguration, PipelineDefinition, Route


async def names(session: AsyncSession) -> Sequence[str]:
    return (await session.scalars(select(PipelineDefinition.name).order_by(PipelineDefinition.name))).all()


async def get(session: AsyncSession, name: str) -> Definition:
    """Raises `NotFound` naming the definitions there are."""
    return await RowSource().definition(session, name)


async def phases(session: AsyncSession, name: str) -> Sequence[Phase]:
    """Those of the definition as it is now; none when there is no such definition. Locks it till the end."""
    if await session.get(PipelineDefinition, name, with_for_update=True) is None:
        return ()
    return (await get(session, name)).phases


async def save(
    session: AsyncSession, definition: Definition, kinds: Mapping[str, PhaseKind], *, by_person: bool
) -> None:
    """Check the definition and store it whole. Runs under way keep what they pinned.

    Raises `Invalid` with the place of the first fault; then nothing is stored.
    """
    check_definition(definition, kinds, await known(session))
    edited_at = func.clock_timestamp() if by_person else None
    values = {
        "description": definition.description,
        "write_documents": definition.write_documents,
        "edited_at": edited_at,
    }
    await session.execute(
        insert(PipelineDefinition)
        .values(name=definition.name, **values)
        .on_conflict_do_update(index_elements=["name"], set_=values)
    )
    await session.execute(delete(PhaseConfiguration).where(PhaseConfiguration.definition == definition.name))
    for position, phase in enumerate(definition.phases):
        session.add(_row(definition.name, position, phase))
    await session.flush()


async def save_phase(
    session: AsyncSession, name: str, phase_name: str, phase: Phase, kinds: Mapping[str, PhaseKind]
) -> Definition:
    """Replace one phase of a definition, checked within the whole."""
    # two people who edit two phases at the same time must not undo each other's work
    await session.get(PipelineDefinition, name, with_for_update=True)
    definition = await get(session, name)
    if phase_name not in (other.name for other in definition.phases):
        raise unknown("phase", phase_name, [other.name for other in definition.phases])
    phases = tuple(phase if other.name == phase_name else other for other in definition.phases)
    changed = definition.model_copy(update={"phases": phases})
    await save(session, changed, kinds, by_person=True)
    return changed


async def known(session: AsyncSession) -> Known:
    """The names that a definition may use now."""
    rows = await session.scalars(select(ArtifactSchema.id))
    return Known(
        roles=await prompts.roles(session),
        routes=(await session.scalars(select(Route.name))).all(),
        schemas=[*schema_names(), *(f"{PREFIX}{row}" for row in rows)],
        templates=list(shipped_templates()),
        destinations=(await session.scalars(select(Destination.name))).all(),
        gates=(await session.scalars(select(Gate.name))).all(),
    )


def _row(definition: str, position: int, phase: Phase) -> PhaseConfiguration:
    return PhaseConfiguration(
        definition=definition,
        position=position,
        name=phase.name,
        kind=phase.kind,
        role=phase.role,
        rework_role=phase.rework_role,
        artifact=phase.artifact,
        schema=phase.schema_name,
        template=phase.template,
        route=phase.route,
        inputs=list(phase.inputs),
        apply=phase.apply,
        on_reject=phase.on_reject,
        max_rework=phase.max_rework,
        needs=list(phase.needs),
        destination=phase.destination,
        permits=list(phase.permits),
        gates=list(phase.gates),
        settings=phase.settings,
        limits=phase.limits.model_dump(mode="json", exclude_defaults=True),
    )
