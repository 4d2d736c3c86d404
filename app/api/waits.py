"""What runs wait for: list it, approve it, reject it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.access import needs
from app.api.context import Caller, CallerOf, ServicesOf
from app.api.docs import bearer
from app.api.steps import ACCEPTED, say_how
from app.api.views import PipelineView, pipeline_view
from app.api.wait_views import WaitView, wait_view
from app.pipelines import store, waits
from app.pipelines.waits import Verdict
from app.services import Services
from app.tables import TokenRole, WaitReason

router = APIRouter(tags=["waits"], dependencies=[Depends(bearer)])

DECIDED = ACCEPTED | {
    409: {
        "description": "Nothing waits for a decision, or it is for another content (`code`: `other_content`, "
        "with the `content_sha256` of now in `details`)"
    }
}
MAX_COMMENT_CHARS = 2_000


class NewVerdict(BaseModel):
    """What was looked at, and why it is so decided."""

    model_config = ConfigDict(extra="forbid")

    content_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """Of the wait that was looked at; an approval can not be granted without it."""
    comment: Annotated[str, Field(max_length=MAX_COMMENT_CHARS)] | None = None
    """Of a rejection: what the next round is told."""


class WaitPage(BaseModel):
    items: list[WaitView]
    next: str | None
    """Cursor of the next page; null: this is the last one."""


@router.get("/waits", summary="What runs wait for, the longest first, by page")
@needs(TokenRole.VIEWER)
async def page(
    services: ServicesOf,
    reason: WaitReason | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    after: Annotated[int, Query(alias="cursor", ge=0, le=2**62)] = 0,
) -> WaitPage:
    async with services.database.transaction() as session:
        rows = await waits.page(session, after=after, limit=limit + 1, reason=reason)
    shown = rows[:limit]
    return WaitPage(
        items=[wait_view(row) for row in shown], next=str(shown[-1].id) if len(rows) > limit else None
    )


@router.get("/pipelines/{pipeline_id}/waits", summary="All that a run asked for, and who decided what")
@needs(TokenRole.VIEWER)
async def of_run(pipeline_id: UUID, services: ServicesOf) -> list[WaitView]:
    """Oldest first, with what there is to look at in full."""
    async with services.database.transaction() as session:
        await store.get(session, pipeline_id)
        return [wait_view(row, whole=True) for row in await waits.of_run(session, pipeline_id)]


@router.post(
    "/pipelines/{pipeline_id}/approve", summary="Grant what the run waits for; it goes on", responses=DECIDED
)
@needs(TokenRole.OPERATOR)
async def approve(
    pipeline_id: UUID,
    services: ServicesOf,
    caller: CallerOf,
    response: Response,
    body: NewVerdict | None = None,
) -> PipelineView:
    """An approval is for exactly one content: send the `content_sha256` that you looked at."""
    return await _decide(services, pipeline_id, caller, response, body or NewVerdict(), granted=True)


@router.post(
    "/pipelines/{pipeline_id}/reject",
    summary="Refuse what the run waits for: the work goes back, or the run fails",
    responses=DECIDED,
)
@needs(TokenRole.OPERATOR)
async def reject(
    pipeline_id: UUID,
    services: ServicesOf,
    caller: CallerOf,
    response: Response,
    body: NewVerdict | None = None,
) -> PipelineView:
    """Where the phase has `on_reject`, the comment is what the next round is told."""
    return await _decide(services, pipeline_id, caller, response, body or NewVerdict(), granted=False)


async def _decide(
    services: Services,
    pipeline_id: UUID,
    caller: Caller,
    response: Response,
    body: NewVerdict,
    *,
    granted: bool,
) -> PipelineView:
    verdict = Verdict(granted, caller.signature, body.comment, body.content_sha256)
    row = await services.pipelines.decide(pipeline_id, verdict)
    say_how(response, row.state, pipeline_id)
    return pipeline_view(row)
