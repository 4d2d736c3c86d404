"""Batches: create from a list or a file, control, look, take the results."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import StreamingResponse

from app.api import cursor
from app.api.access import needs
from app.api.batch_views import BatchDetail, BatchView, ItemView, batch_view, detail_view, item_view, path_of
from app.api.context import ServicesOf
from app.api.docs import bearer
from app.api.pipelines import Name
from app.api.upload import Upload
from app.errors import Invalid
from app.pipelines.batches import inputs, results, store
from app.pipelines.batches.inputs import Format
from app.pipelines.batches.service import ATTEMPTS, CONCURRENCY, MAX_ATTEMPTS, MAX_CONCURRENCY, BatchTerms
from app.pipelines.snapshot import PolicyDraft
from app.services import Services
from app.tables import Batch, ItemState, TokenRole

router = APIRouter(prefix="/batches", tags=["batches"], dependencies=[Depends(bearer)])

KINDS = {"application/x-ndjson": Format.JSONL, "text/csv": Format.CSV}
MEDIA_TYPES = {form: kind for kind, form in KINDS.items()}
FILES = {kind: {"schema": {"type": "string"}} for kind in KINDS}

Concurrency = Annotated[int, Field(ge=1, le=MAX_CONCURRENCY)]
Attempts = Annotated[int, Field(ge=1, le=MAX_ATTEMPTS)]


class NewBatch(BaseModel):
    """What is to be done to which inputs."""

    model_config = ConfigDict(extra="forbid")

    inputs: list[str | dict[str, Any]]
    """Texts, or objects: `epic_description` or `input` of one is its text, else all of it as compact JSON."""
    definition: Name | None = None
    project: Name | None = None
    profile: Name | None = None
    policy: PolicyDraft | None = None
    """What the cascades of the routes may do to the bill of each run."""
    concurrency: Concurrency = CONCURRENCY
    """Items that run at once, at most."""
    max_attempts: Attempts = ATTEMPTS
    """Runs of one item, at most."""

    def terms(self) -> BatchTerms:
        return BatchTerms(**{**self.model_dump(exclude={"inputs"}), "policy": self.policy})


class FileTerms(BaseModel):
    """The same for a file, in the query."""

    model_config = ConfigDict(extra="forbid")

    definition: Name | None = None
    project: Name | None = None
    profile: Name | None = None
    escalate_to_paid: bool | None = None
    fall_back_to_local: bool | None = None
    concurrency: Concurrency = CONCURRENCY
    max_attempts: Attempts = ATTEMPTS
    column: str | None = None
    """Key or column that holds the text."""

    def terms(self) -> BatchTerms:
        policy = PolicyDraft(
            escalate_to_paid=self.escalate_to_paid, fall_back_to_local=self.fall_back_to_local
        )
        left = self.model_dump(exclude={"column", "escalate_to_paid", "fall_back_to_local"})
        return BatchTerms(**left, policy=policy)


class BatchPage(BaseModel):
    items: list[BatchView]
    next: str | None
    """Cursor of the next page; null: this is the last one."""


class ItemPage(BaseModel):
    items: list[ItemView]
    next: str | None
    """Cursor of the next page; null: this is the last one."""


@router.post(
    "",
    status_code=201,
    summary="Create a batch from a list of inputs, or from a file of JSON lines or CSV",
    openapi_extra={"requestBody": {"content": FILES}},
)
@needs(TokenRole.OPERATOR)
async def create(
    request: Request,
    services: ServicesOf,
    response: Response,
    query: Annotated[FileTerms, Query()],
    body: NewBatch | None = None,
) -> BatchDetail:
    """The definition and the repository are pinned as they are now. One bad input, and nothing is stored.

    A file (`application/x-ndjson` or `text/csv`) takes its terms from the query.
    """
    upload: Upload | None = getattr(request.state, "upload", None)
    if upload is not None:
        found = inputs.read(upload.file, KINDS[upload.kind], query.column)
        row = await services.batches.create(found, query.terms())
    elif body is None:
        raise Invalid("a batch needs a body: JSON with inputs, or a file", place="body")
    elif query.model_fields_set:
        raise Invalid("with a JSON body the terms stand in the body, not in the query", place="query")
    else:
        row = await services.batches.create(inputs.texts(body.inputs), body.terms())
    response.headers["location"] = path_of(row.id)
    return await _detail(services, row)


@router.get("", summary="Batches, newest first, by page")
@needs(TokenRole.VIEWER)
async def page(
    services: ServicesOf,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    after: Annotated[str | None, Query(alias="cursor", max_length=200)] = None,
) -> BatchPage:
    async with services.database.transaction() as session:
        rows = await store.page(session, after=cursor.read(after), limit=limit + 1)
    shown = rows[:limit]
    return BatchPage(
        items=[batch_view(row) for row in shown], next=cursor.after(shown[-1]) if len(rows) > limit else None
    )


@router.get("/{batch_id}", summary="A batch: its counts, its rate and what it cost")
@needs(TokenRole.VIEWER)
async def show(batch_id: UUID, services: ServicesOf) -> BatchDetail:
    return await _detail(services, await services.batches.get(batch_id))


@router.get("/{batch_id}/items", summary="The items of a batch, in their order, by page")
@needs(TokenRole.VIEWER)
async def items(
    batch_id: UUID,
    services: ServicesOf,
    state: ItemState | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    after: Annotated[int, Query(alias="cursor", ge=0, le=2**31 - 1)] = 0,
) -> ItemPage:
    async with services.database.transaction() as session:
        store.check_items(await store.get(session, batch_id))
        rows = await store.items(session, batch_id, after=after, limit=limit + 1, state=state)
    shown = rows[:limit]
    return ItemPage(
        items=[item_view(row) for row in shown], next=str(shown[-1].number) if len(rows) > limit else None
    )


@router.get(
    "/{batch_id}/results",
    summary="The results of a batch as JSON lines or CSV, in its order",
    response_class=StreamingResponse,
    responses={200: {"content": FILES}},
)
@needs(TokenRole.VIEWER)
async def result(
    batch_id: UUID,
    services: ServicesOf,
    form: Annotated[Format, Query(alias="format")] = Format.JSONL,
    state: ItemState | None = None,
) -> StreamingResponse:
    """Number, state, input, run, attempts, cost, error and artifacts of each item; unfinished ones too."""
    store.check_items(await services.batches.get(batch_id))
    name = f"batch-{str(batch_id)[:8]}.{form.value}"
    return StreamingResponse(
        results.lines(services.database, batch_id, form, state),
        media_type=MEDIA_TYPES[form],
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


@router.post("/{batch_id}/pause", summary="Start no more items; what runs goes on to its end")
@needs(TokenRole.OPERATOR)
async def pause(batch_id: UUID, services: ServicesOf) -> BatchDetail:
    return await _detail(services, await services.batches.pause(batch_id))


@router.post("/{batch_id}/resume", summary="Go on with a paused batch")
@needs(TokenRole.OPERATOR)
async def resume(batch_id: UUID, services: ServicesOf) -> BatchDetail:
    return await _detail(services, await services.batches.resume(batch_id))


@router.post("/{batch_id}/cancel", summary="End a batch; what runs is asked to stop")
@needs(TokenRole.OPERATOR)
async def cancel(batch_id: UUID, services: ServicesOf) -> BatchDetail:
    return await _detail(services, await services.batches.cancel(batch_id))


@router.post("/{batch_id}/retry", summary="Try the dead letters again, each as if it were new")
@needs(TokenRole.OPERATOR)
async def retry(batch_id: UUID, services: ServicesOf) -> BatchDetail:
    return await _detail(services, await services.batches.retry(batch_id))


async def _detail(services: Services, row: Batch) -> BatchDetail:
    return detail_view(row, await services.batches.account(row))
