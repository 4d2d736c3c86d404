"""Files of a run that are no text, such as screenshots."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel

from app.api.access import needs
from app.api.context import ServicesOf
from app.api.docs import bearer
from app.artifacts import files
from app.artifacts.files import SUFFIXES
from app.pipelines import store
from app.tables import TokenRole

router = APIRouter(tags=["pipelines"], prefix="/pipelines/{pipeline_id}", dependencies=[Depends(bearer)])

Sha256 = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
ANYTHING = "application/octet-stream"
HARMLESS = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "x-content-type-options": "nosniff",
}


class FileView(BaseModel):
    name: str
    """As whoever made it named it."""
    media_type: str
    sha256: str
    bytes: int
    created_at: datetime


@router.get("/files", summary="Files of the run that are no text, such as screenshots")
@needs(TokenRole.VIEWER)
async def every(pipeline_id: UUID, services: ServicesOf) -> list[FileView]:
    async with services.database.transaction() as session:
        await store.get(session, pipeline_id)
        rows = await files.listed(session, pipeline_id)
    return [
        FileView(
            name=row.name,
            media_type=row.media_type,
            sha256=row.sha256,
            bytes=row.size,
            created_at=row.created_at,
        )
        for row in rows
    ]


@router.get(
    "/files/{sha256}",
    summary="A file of the run, to download",
    response_class=Response,
    responses={200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}}},
)
@needs(TokenRole.VIEWER)
async def download(pipeline_id: UUID, sha256: Sha256, services: ServicesOf) -> Response:
    """Named by its digest; what a model called it is no part of the answer's headers."""
    async with services.database.transaction() as session:
        await store.get(session, pipeline_id)
        row = await files.get(session, pipeline_id, sha256)
    suffix = SUFFIXES.get(row.media_type, ".bin")
    return Response(
        row.data,
        media_type=row.media_type if row.media_type in SUFFIXES else ANYTHING,
        headers={**HARMLESS, "content-disposition": f'attachment; filename="{sha256[:16]}{suffix}"'},
    )
