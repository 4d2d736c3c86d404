"""What a run changes, and its way to the remote."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from app.api.access import needs
from app.api.context import ServicesOf
from app.api.docs import bearer
from app.api.push_views import PushView, push_view
from app.pipelines import change
from app.tables import TokenRole

router = APIRouter(prefix="/pipelines/{pipeline_id}", tags=["pipelines"], dependencies=[Depends(bearer)])


class FileView(BaseModel):
    path: str
    status: Literal["added", "modified"]
    added: int
    """Lines."""
    removed: int
    diff: str
    """Unified; empty: nothing changes."""


class DiffView(BaseModel):
    base: str
    """The commit that the files are compared with."""
    files: list[FileView]


@router.get("/diff", summary="What the run changes, before its commit and after")
@needs(TokenRole.VIEWER)
async def diff(pipeline_id: UUID, services: ServicesOf) -> DiffView:
    """409 while it has written no file, or when it works on no repository."""
    found, changes = await change.diff(services.database, pipeline_id)
    return DiffView(
        base=found.base,
        files=[
            FileView(path=one.path, status=one.status, added=one.added, removed=one.removed, diff=one.diff)
            for one in changes
        ],
    )


@router.post("/push", summary="Push the branch of the run to the remote of its project")
@needs(TokenRole.OPERATOR)
async def push(pipeline_id: UUID, services: ServicesOf) -> PushView:
    """200 with what came of it: a remote that refuses is `committed_not_pushed` with its `error`.

    409 when the run has committed nothing, was discarded, or its project names no remote.
    """
    return push_view(await services.pusher.push(pipeline_id))
