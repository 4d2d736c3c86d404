"""Gates as rows: list, read, save after checking, remove."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Conflict, unknown
from app.tables import Gate, PhaseConfiguration, Project
from app.tables.base import JSON
from app.workspace.gates import check_gate
from app.workspace.gates.gate import GateSpec

Pattern = Annotated[str, Field(min_length=1, max_length=500)]


class GateDraft(BaseModel):
    """A gate as people write it."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")
    kind: str = Field(min_length=1, max_length=64)
    """The code that checks, such as `go` or `command`."""
    description: str = Field(min_length=1, max_length=500)
    files: tuple[Pattern, ...] = Field(min_length=1, max_length=100)
    """Glob patterns of the changed files that it looks at; `*` also crosses slashes."""
    settings: dict[str, JSON] = {}
    """What its kind takes."""


async def every(session: AsyncSession) -> Sequence[Gate]:
    return (await session.scalars(select(Gate).order_by(Gate.name))).all()


async def get(session: AsyncSession, name: str) -> Gate:
    """Raises `NotFound` naming the gates there are."""
    row = await session.get(Gate, name)
    if row is None:
        raise unknown("gate", name, [gate.name for gate in await every(session)])
    return row


async def spec(session: AsyncSession, name: str) -> GateSpec:
    """The gate as it is now. Raises `NotFound`."""
    row = await get(session, name)
    return GateSpec(row.name, row.kind, tuple(row.files), row.settings)


async def save(session: AsyncSession, draft: GateDraft) -> Gate:
    """Check the gate and write it, new or whole. Raises `NotFound` for its kind, `Invalid` for its settings.

    A project uses it from the next test on, in runs under way too; a phase keeps what its run pinned.
    """
    check_gate(GateSpec(draft.name, draft.kind, draft.files, draft.settings))
    values = draft.model_dump(mode="json")
    changes = {**values, "edited_at": func.clock_timestamp()}
    await session.execute(
        insert(Gate).values(changes).on_conflict_do_update(index_elements=["name"], set_=changes)
    )
    written = select(Gate).where(Gate.name == draft.name).execution_options(populate_existing=True)
    return (await session.scalars(written)).one()


async def remove(session: AsyncSession, name: str) -> None:
    """Raises `NotFound`, and `Conflict` while a project or a definition names it."""
    row = await get(session, name)
    projects = await session.scalars(select(Project.name).where(Project.gates.contains([name])))
    definitions = await session.scalars(
        select(PhaseConfiguration.definition).where(PhaseConfiguration.gates.contains([name])).distinct()
    )
    users = [f"the project {one}" for one in sorted(projects)]
    users += [f"the definition {one}" for one in sorted(definitions)]
    if users:
        raise Conflict(f"the gate {name!r} is named by {', '.join(users)}")
    await session.delete(row)
