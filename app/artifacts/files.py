"""Files of a run that are no text, such as screenshots: each once, under its digest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import unknown
from app.tables import RunFile

SUFFIXES: Mapping[str, str] = {"image/png": ".png"}
"""What may be kept, and how such a file is named. A browser shows these as nothing but a picture."""
FILE_BYTES = 8 * 1024 * 1024
RUN_BYTES = 64 * 1024 * 1024
"""Of all files of a run together."""


@dataclass(frozen=True)
class NewFile:
    """A file to keep."""

    name: str
    media_type: str
    data: bytes

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


async def keep(session: AsyncSession, pipeline_id: UUID, files: Sequence[NewFile]) -> list[NewFile]:
    """Store those that fit, and say which: one that is too large, or of another type, is left out."""
    used: int = await session.scalar(_bytes(pipeline_id)) or 0
    kept = []
    for file in files:
        if file.media_type not in SUFFIXES or len(file.data) > FILE_BYTES or not file.data:
            continue
        if await _is_there(session, pipeline_id, file.sha256):
            kept.append(file)
        elif used + len(file.data) <= RUN_BYTES:
            used += len(file.data)
            row = {"name": file.name, "media_type": file.media_type, "sha256": file.sha256, "data": file.data}
            await session.execute(insert(RunFile).values(pipeline_id=pipeline_id, **row))
            kept.append(file)
    return kept


@dataclass(frozen=True)
class Listed:
    """A file that is kept, without what is in it."""

    name: str
    media_type: str
    sha256: str
    size: int
    created_at: datetime


async def listed(session: AsyncSession, pipeline_id: UUID) -> Sequence[Listed]:
    """Oldest first. Reads no file: a list costs the same however large they are."""
    size = func.octet_length(RunFile.data)
    rows = await session.execute(
        select(RunFile.name, RunFile.media_type, RunFile.sha256, size, RunFile.created_at)
        .where(RunFile.pipeline_id == pipeline_id)
        .order_by(RunFile.created_at, RunFile.sha256)
    )
    return [Listed(*row) for row in rows]


async def every(session: AsyncSession, pipeline_id: UUID) -> Sequence[RunFile]:
    """Oldest first."""
    rows = await session.scalars(
        select(RunFile).where(RunFile.pipeline_id == pipeline_id).order_by(RunFile.created_at, RunFile.sha256)
    )
    return rows.all()


async def get(session: AsyncSession, pipeline_id: UUID, sha256: str) -> RunFile:
    """Raises `NotFound` naming the files the run has."""
    row = await session.get(RunFile, (pipeline_id, sha256))
    if row is None:
        there = await session.scalars(select(RunFile.sha256).where(RunFile.pipeline_id == pipeline_id))
        raise unknown("file of this run", sha256, there)
    return row


async def _is_there(session: AsyncSession, pipeline_id: UUID, sha256: str) -> bool:
    found = select(RunFile.sha256).where(RunFile.pipeline_id == pipeline_id, RunFile.sha256 == sha256)
    return await session.scalar(found) is not None


def _bytes(pipeline_id: UUID) -> Select[int]:
    return select(func.sum(func.octet_length(RunFile.data))).where(RunFile.pipeline_id == pipeline_id)
