"""Queries over artifacts: add a version, read the current ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.artifacts.registry import artifact_name
from app.digests import digest
from app.errors import unknown
from app.tables import Artifact


async def add(
    session: AsyncSession,
    *,
    pipeline_id: UUID,
    phase_run_id: int,
    name: str,
    schema: str,
    schema_digest: str,
    body: dict[str, Any],
) -> Artifact:
    """Store the next version of the artifact and make it the current one."""
    newest = await session.scalar(
        select(func.max(Artifact.version)).where(Artifact.pipeline_id == pipeline_id, Artifact.name == name)
    )
    # the index allows one current version, so the old one steps down first
    await session.execute(
        update(Artifact)
        .where(Artifact.pipeline_id == pipeline_id, Artifact.name == name, Artifact.current)
        .values(current=False)
    )
    row = Artifact(
        pipeline_id=pipeline_id,
        phase_run_id=phase_run_id,
        name=name,
        version=(newest or 0) + 1,
        schema=schema,
        schema_digest=schema_digest,
        content_digest=digest(body),
        body=body,
    )
    session.add(row)
    await session.flush()
    return row


async def current(session: AsyncSession, pipeline_id: UUID) -> dict[str, Any]:
    """Name → body of the current version of every artifact of the run."""
    rows = await session.execute(
        select(Artifact.name, Artifact.body)
        .where(Artifact.pipeline_id == pipeline_id, Artifact.current)
        .order_by(Artifact.id)
    )
    return {name: body for name, body in rows}


async def every(session: AsyncSession, pipeline_id: UUID) -> Sequence[Artifact]:
    """Every version of every artifact of the run, oldest first."""
    rows = await session.scalars(
        select(Artifact).where(Artifact.pipeline_id == pipeline_id).order_by(Artifact.id)
    )
    return rows.all()


async def versions(session: AsyncSession, pipeline_id: UUID, name: str) -> Sequence[Artifact]:
    """Every version, newest first. Raises `NotFound` naming the artifacts the run has."""
    wanted = artifact_name(name)
    rows = (
        await session.scalars(
            select(Artifact)
            .where(Artifact.pipeline_id == pipeline_id, Artifact.name == wanted)
            .order_by(Artifact.version.desc())
        )
    ).all()
    if not rows:
        raise unknown("artifact", name, await current(session, pipeline_id))
    return rows


async def get(session: AsyncSession, pipeline_id: UUID, name: str) -> Artifact:
    """The current version. Raises `NotFound` naming the artifacts the run has."""
    return (await versions(session, pipeline_id, name))[0]
