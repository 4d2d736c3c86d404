"""What happened to a run: as a list, or as a stream (SSE) that ends with the run; and news from outside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response, StreamingResponse

from app.api.access import needs
from app.api.context import CallerOf, Context, ContextOf, ServicesOf
from app.api.docs import bearer
from app.api.steps import ACCEPTED, say_how
from app.api.views import PipelineView, pipeline_view
from app.pipelines import events, store
from app.pipelines.service import is_finished
from app.queue.signals import wait
from app.tables import Event, TokenRole

router = APIRouter(prefix="/pipelines/{pipeline_id}", tags=["pipelines"], dependencies=[Depends(bearer)])

STREAM = "text/event-stream"
KEEPALIVE_S = 15.0
"""How long a stream is silent before a comment shows that it lives."""
LAST = 2**62


class EventView(BaseModel):
    seq: int
    kind: str
    data: dict[str, Any]
    at: datetime


class NewEvent(BaseModel):
    """Something that happened outside and that a phase of kind `event` waits for."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=64)]
    """Name of the phase that waits for it."""
    data: dict[str, Any] = Field(default_factory=dict)
    """Becomes the artifact of the phase, if it has one."""


@router.get(
    "/events",
    summary="What happened to the run; a stream with Accept: text/event-stream",
    response_model=list[EventView],
    responses={200: {"content": {STREAM: {"schema": {"type": "string"}}}}},
)
@needs(TokenRole.VIEWER)
async def listed(
    pipeline_id: UUID,
    context: ContextOf,
    after: Annotated[int, Query(ge=0, le=LAST)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 500,
    accept: Annotated[str, Header()] = "",
    last_event_id: Annotated[int | None, Header(ge=0, le=LAST)] = None,
) -> Response:
    """The stream ends when the run does. It goes on after `Last-Event-ID`; 204 says that nothing is left."""
    if STREAM not in accept:
        rows, _ = await _since(context, pipeline_id, after, limit)
        return JSONResponse([_view(row).model_dump(mode="json") for row in rows])
    seq = after if last_event_id is None else last_event_id
    rows, finished = await _since(context, pipeline_id, seq, 1)
    if finished and not rows:
        return Response(status_code=204)
    return StreamingResponse(_stream(context, pipeline_id, seq), media_type=STREAM)


@router.post("/events", summary="Tell the run what happened outside; once per name", responses=ACCEPTED)
@needs(TokenRole.OPERATOR)
async def receive(
    pipeline_id: UUID, body: NewEvent, services: ServicesOf, caller: CallerOf, response: Response
) -> PipelineView:
    """It may come before the run waits for it. 202 when the run goes on with it, else 200."""
    row = await services.pipelines.receive(pipeline_id, body.name, body.data, caller.signature)
    say_how(response, row.state, pipeline_id)
    return pipeline_view(row)


async def _stream(context: Context, pipeline_id: UUID, seq: int) -> AsyncIterator[str]:
    """Events as they happen, until the run is finished or the process is about to stop."""
    yield "retry: 1000\n\n"
    silent = 0.0
    loop = asyncio.get_running_loop()
    async with context.opened().signals.watch(pipeline_id) as changed:
        while not context.stopping.is_set():
            rows, finished = await _since(context, pipeline_id, seq, 500)
            for row in rows:
                yield f"id: {row.seq}\nevent: {row.kind}\ndata: {_view(row).model_dump_json()}\n\n"
                seq = row.seq
            if rows:
                silent = 0.0
                continue
            if finished:
                return
            started = loop.time()
            await wait(changed, KEEPALIVE_S)
            silent += loop.time() - started
            if silent >= KEEPALIVE_S:
                yield ": still here\n\n"
                silent = 0.0


async def _since(context: Context, pipeline_id: UUID, seq: int, limit: int) -> tuple[list[Event], bool]:
    """The state is read first: a run that is finished then has no later event."""
    async with context.opened().database.transaction() as session:
        finished = is_finished(await store.get(session, pipeline_id))
        return list(await events.since(session, pipeline_id, seq, limit)), finished


def _view(row: Event) -> EventView:
    return EventView(seq=row.seq, kind=row.kind, data=row.data, at=row.at)
