"""Keeps what gates and browsers attach with the run, while the run is still this worker's."""

from __future__ import annotations

from collections.abc import Iterable

from app.artifacts import files
from app.artifacts.files import NewFile
from app.db import Database
from app.pipelines import leases
from app.pipelines.leases import Lease
from app.workspace.gates.gate import Attachment


async def keep(database: Database, lease: Lease, attachments: Iterable[Attachment]) -> frozenset[str]:
    """The digests of those that fit. Raises `StaleFence`."""
    given = [NewFile(one.name, one.media_type, one.data) for one in attachments]
    if not given:
        return frozenset()
    async with database.transaction() as session:
        await leases.fenced(session, lease)
        kept = await files.keep(session, lease.pipeline_id, given)
    return frozenset(file.sha256 for file in kept)
