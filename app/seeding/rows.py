"""Writes the seeds to the database: a second run changes nothing, a person's edit is never overwritten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Database
from app.errors import Invalid
from app.pipelines import definitions, routing
from app.pipelines.definition import Definition
from app.pipelines.phases.kind import PhaseKind
from app.prompts import store as prompts
from app.prompts.store import PRODUCTION
from app.seeding.source import prompt_of
from app.seeding.values import Seeds
from app.tables import (
    ArtifactSchema,
    Base,
    CallLimit,
    Gate,
    ModelProfile,
    PipelineDefinition,
    RolePrompt,
    RolePromptLabel,
    Route,
    RouteKeyword,
)

BY = "seed"


@dataclass
class Report:
    """What seeding did; each entry reads like `prompt pm@1`."""

    changed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    """Rows that differ from the files because a person edited them."""


async def seed(database: Database, seeds: Seeds, kinds: Mapping[str, PhaseKind]) -> Report:
    """Insert what is missing, update what only seeding wrote; all in one transaction."""
    report = Report()
    async with database.transaction() as session:
        # processes that start together seed one after the other
        await session.execute(select(func.pg_advisory_xact_lock(func.hashtext("seeding"))))
        await _schemas(session, seeds, report)
        await _prompts(session, seeds, report)
        await _profiles(session, seeds, report)
        await _routes(session, seeds, report)
        await _keywords(session, seeds, report)
        await _limits(session, seeds, report)
        await _gates(session, seeds, report)
        await _definitions(session, seeds, kinds, report)
    return report


async def _schemas(session: AsyncSession, seeds: Seeds, report: Report) -> None:
    for row_id, item in seeds.schemas.items():
        values = {"description": item.description, "json_schema": item.json_schema}
        await _upsert(session, ArtifactSchema, "id", row_id, values, report)


async def _profiles(session: AsyncSession, seeds: Seeds, report: Report) -> None:
    for name, item in seeds.profiles.items():
        values = {"description": item.description, **asdict(item.profile())}
        del values["name"]
        await _upsert(session, ModelProfile, "name", name, values, report)


async def _routes(session: AsyncSession, seeds: Seeds, report: Report) -> None:
    await session.flush()  # a route refers to its profile
    for name, item in seeds.routes.items():
        await _upsert(session, Route, "name", name, item.model_dump(mode="json"), report)


async def _keywords(session: AsyncSession, seeds: Seeds, report: Report) -> None:
    """Their order is part of them, so a person who edits one has the whole list."""
    await session.flush()  # a keyword refers to its route
    rows = await routing.keywords(session)
    if [(row.keyword, row.route) for row in rows] == [(one.keyword, one.route) for one in seeds.keywords]:
        return
    if any(row.edited_at is not None for row in rows):
        report.kept.append(RouteKeyword.__tablename__)
        return
    await routing.write_keywords(session, seeds.keywords, by_person=False)
    report.changed.append(RouteKeyword.__tablename__)


async def _limits(session: AsyncSession, seeds: Seeds, report: Report) -> None:
    for name, item in seeds.limits.items():
        await _upsert(session, CallLimit, "name", name, item.model_dump(), report)


async def _gates(session: AsyncSession, seeds: Seeds, report: Report) -> None:
    for name, item in seeds.gates.items():
        await _upsert(session, Gate, "name", name, item.model_dump(mode="json"), report)


async def _upsert(
    session: AsyncSession, table: type[Base], key: str, name: str, values: Mapping[str, Any], report: Report
) -> None:
    label = f"{table.__tablename__} {name}"
    row: Any = await session.get(table, name)
    if row is None:
        session.add(table(**{key: name}, **values))
        report.changed.append(label)
        return
    different = {column: value for column, value in values.items() if not _same(getattr(row, column), value)}
    if not different:
        return
    if row.edited_at is not None:
        report.kept.append(label)
        return
    for column, value in different.items():
        setattr(row, column, value)
    report.changed.append(label)


def _same(stored: Any, wanted: Any) -> bool:
    """Numbers come back as Decimal."""
    if isinstance(wanted, float) and stored is not None:
        return float(stored) == wanted
    return bool(stored == wanted)


async def _prompts(session: AsyncSession, seeds: Seeds, report: Report) -> None:
    labels = {
        row.role: row
        for row in await session.scalars(select(RolePromptLabel).where(RolePromptLabel.label == PRODUCTION))
    }
    for role, item in seeds.prompts.items():
        prompt = prompt_of(item)
        rows = (
            await session.scalars(
                select(RolePrompt).where(RolePrompt.role == role).order_by(RolePrompt.version)
            )
        ).all()
        same = [row for row in rows if (row.digest, row.variables) == (prompt.digest, list(prompt.variables))]
        row = same[-1] if same else await prompts.add(session, prompt, message=item.message, by=BY)
        label = labels.get(role)
        if label is not None and label.version == row.version:
            continue
        if label is None or label.moved_by == BY:
            await prompts.move_label(session, role, PRODUCTION, row.version, by=BY)
            report.changed.append(f"role_prompts {role}@{row.version}")
        else:
            report.kept.append(f"role_prompts {role}: {PRODUCTION} stays at version {label.version}")


async def _definitions(
    session: AsyncSession, seeds: Seeds, kinds: Mapping[str, PhaseKind], report: Report
) -> None:
    await session.flush()
    for name, item in seeds.definitions.items():
        row = await session.get(PipelineDefinition, name)
        if row is not None and await _stored(session, name) == item:
            continue
        if row is not None and row.edited_at is not None:
            report.kept.append(f"pipeline_definitions {name}")
            continue
        await definitions.save(session, item, kinds, by_person=False)
        report.changed.append(f"pipeline_definitions {name}")


async def _stored(session: AsyncSession, name: str) -> Definition | None:
    """None: the rows are broken."""
    try:
        return await definitions.get(session, name)
    except Invalid:
        return None
