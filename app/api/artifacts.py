"""What a run has made: artifacts as JSON, documents as Markdown."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel
from starlette.responses import PlainTextResponse

from app.api.access import needs
from app.api.context import ServicesOf
from app.api.docs import bearer
from app.api.views import Name
from app.artifacts import store as artifacts
from app.pipelines import documents, store
from app.tables import TokenRole

router = APIRouter(prefix="/pipelines/{pipeline_id}", tags=["artifacts"], dependencies=[Depends(bearer)])


class Markdown(PlainTextResponse):
    media_type = "text/markdown"


class ArtifactVersion(BaseModel):
    version: int
    current: bool
    schema_name: str
    content_digest: str
    """SHA-256 of the canonical JSON."""
    created_at: datetime
    body: dict[str, Any]


@router.get("/artifacts", summary="Every artifact of the run: name to JSON")
@needs(TokenRole.VIEWER)
async def current(pipeline_id: UUID, services: ServicesOf) -> dict[str, dict[str, Any]]:
    async with services.database.transaction() as session:
        await store.get(session, pipeline_id)
        return await artifacts.current(session, pipeline_id)


@router.get("/artifacts/{name}", summary="One artifact, as it is now")
@needs(TokenRole.VIEWER)
async def show(pipeline_id: UUID, name: Name, services: ServicesOf) -> dict[str, Any]:
    async with services.database.transaction() as session:
        await store.get(session, pipeline_id)
        return (await artifacts.get(session, pipeline_id, name)).body


@router.get("/artifacts/{name}/versions", summary="Every version of an artifact, newest first")
@needs(TokenRole.VIEWER)
async def versions(pipeline_id: UUID, name: Name, services: ServicesOf) -> list[ArtifactVersion]:
    async with services.database.transaction() as session:
        await store.get(session, pipeline_id)
        rows = await artifacts.versions(session, pipeline_id, name)
    return [
        ArtifactVersion(
            version=row.version,
            current=row.current,
            schema_name=row.schema,
            content_digest=row.content_digest,
            created_at=row.created_at,
            body=row.body,
        )
        for row in rows
    ]


@router.get(
    "/documents/{name}",
    summary="An artifact as a document for people",
    response_class=Markdown,
    responses={200: {"content": {"text/markdown": {"schema": {"type": "string"}}}}},
)
@needs(TokenRole.VIEWER)
async def document(pipeline_id: UUID, name: Name, services: ServicesOf) -> Markdown:
    """Made on request with the template that the run pinned; `name` is an artifact, such as `arch_spec`."""
    return Markdown(await documents.render(services.database, services.renderer, pipeline_id, name))
