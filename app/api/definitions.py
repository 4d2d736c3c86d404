"""Pipeline definitions and their phases: list, read, write with everything checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel

from app.api.access import needs
from app.api.context import Caller, CallerOf, ServicesOf
from app.api.docs import bearer
from app.errors import Forbidden, Invalid, unknown
from app.pipelines import definitions
from app.pipelines.definition import POWERFUL, Definition, Phase
from app.tables import TokenRole

router = APIRouter(tags=["definitions"], dependencies=[Depends(bearer)])

Name = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]


class PhaseEntry(BaseModel):
    definition: str
    position: int
    phase: Phase


@router.get("/definitions", summary="Every pipeline definition")
@needs(TokenRole.VIEWER)
async def every(services: ServicesOf) -> list[Definition]:
    async with services.database.transaction() as session:
        return [await definitions.get(session, name) for name in await definitions.names(session)]


@router.get("/definitions/{name}", summary="A pipeline definition")
@needs(TokenRole.VIEWER)
async def show(name: Name, services: ServicesOf) -> Definition:
    async with services.database.transaction() as session:
        return await definitions.get(session, name)


@router.put("/definitions/{name}", summary="Write a pipeline definition, new or whole")
@needs(TokenRole.AUTHOR)
async def put(name: Name, body: Definition, services: ServicesOf, caller: CallerOf) -> Definition:
    """Runs that start later use it. A fault is refused with its place, such as `phases[2].schema`.

    One with a phase that runs a command or reaches a server (`command`, `http`) is for admins to write.
    """
    _allowed(caller, body.phases)
    if body.name != name:
        raise Invalid(f"the address says {name!r} and the body {body.name!r}", place="name")
    async with services.database.transaction() as session:
        _allowed(caller, await definitions.phases(session, name))
        await definitions.save(session, body, services.kinds, by_person=True)
        return await definitions.get(session, name)


@router.get("/phases", summary="The phases of every definition, in their order")
@needs(TokenRole.VIEWER)
async def phases(services: ServicesOf) -> list[PhaseEntry]:
    return [
        PhaseEntry(definition=definition.name, position=position, phase=phase)
        for definition in await every(services)
        for position, phase in enumerate(definition.phases)
    ]


@router.get("/phases/{definition}/{phase}", summary="One phase of a definition")
@needs(TokenRole.VIEWER)
async def show_phase(definition: Name, phase: Name, services: ServicesOf) -> Phase:
    return _phase(await show(definition, services), phase)


@router.put("/phases/{definition}/{phase}", summary="Write one phase of a definition")
@needs(TokenRole.AUTHOR)
async def put_phase(
    definition: Name, phase: Name, body: Phase, services: ServicesOf, caller: CallerOf
) -> Phase:
    """The definition is checked as a whole; a fault is refused with its place."""
    _allowed(caller, [body])
    async with services.database.transaction() as session:
        _allowed(caller, await definitions.phases(session, definition))
        changed = await definitions.save_phase(session, definition, phase, body, services.kinds)
    return _phase(changed, body.name)


def _allowed(caller: Caller, phases: Sequence[Phase]) -> None:
    """What has such a phase, or is to have one, is changed by admins alone. Raises `Forbidden`."""
    found = sorted({phase.kind for phase in phases} & POWERFUL)
    if found and caller.role != TokenRole.ADMIN:
        raise Forbidden(
            f"a definition with a phase of kind {' or '.join(found)} is written with a token of the "
            f"role admin; {caller.name!r} is {caller.role}",
            role=TokenRole.ADMIN,
        )


def _phase(definition: Definition, name: str) -> Phase:
    found = next((phase for phase in definition.phases if phase.name == name), None)
    if found is None:
        raise unknown("phase", name, [phase.name for phase in definition.phases])
    return found
