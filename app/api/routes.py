"""Routes: who does which kind of work, and which one a text would take."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field

from app.api.access import needs
from app.api.context import ServicesOf
from app.api.docs import bearer
from app.errors import Invalid
from app.llm.types import Think
from app.pipelines import routing
from app.pipelines.explaining import Turn, as_json
from app.pipelines.route import Keyword, NextProfile, RouteSpec
from app.pipelines.rows import as_route
from app.pipelines.snapshot import Policy, PolicyDraft
from app.tables import Route, TokenRole

router = APIRouter(tags=["routes"], dependencies=[Depends(bearer)])

Name = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
MAX_TEXT = 1_000_000
MAX_KEYWORDS = 1_000


class RouteView(RouteSpec):
    name: str
    is_edited: bool
    """A person changed it; seeding leaves it alone."""


class RouteChange(BaseModel):
    """Fields of a route that are to change; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    description: str | None = None
    profile: str | None = None
    think: Think | None = None
    """Null: as the profile says."""
    latency_s: float | None = None
    critical: bool | None = None
    cascade: tuple[NextProfile, ...] | None = None


class Question(BaseModel):
    """A text, or a task, whose way is asked for."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field("", max_length=MAX_TEXT)
    task: str | None = Field(None, min_length=1, max_length=100)
    """Name of a route; it goes before the text."""
    policy: PolicyDraft | None = None


class PlaceView(BaseModel):
    """A profile in the line of the route."""

    profile: str
    backend: str
    model: str
    think: Think
    temperature: float | None
    on: list[str]
    """The outcomes it is for; none: it is the route's own."""
    turn: Turn
    why: str
    missing: str | None
    """Why its backend can not be asked; null: it is set up."""


class ExplanationView(BaseModel):
    """Which route a text takes, who is asked, and why."""

    route: str
    by: str
    """`task`, `critical_keyword`, `keyword` or `anything`."""
    keyword: str | None
    why: str
    profile: str | None
    """Who is asked; null: nobody in line can take this text."""
    latency_s: float | None
    critical: bool
    text_tokens: int
    """Estimated, of the text alone."""
    policy: Policy
    line: list[PlaceView]


@router.get("/routes", summary="Every route, with who is asked next")
@needs(TokenRole.VIEWER)
async def every(services: ServicesOf) -> list[RouteView]:
    async with services.database.transaction() as session:
        return [_view(row) for row in await routing.routes(session)]


@router.post("/routes/explain", summary="Which route a text or a task would take, and why; nothing is asked")
@needs(TokenRole.VIEWER)
async def explain(body: Question, services: ServicesOf) -> ExplanationView:
    if body.task is None and not body.text.strip():
        raise Invalid("give a text, or a task", place="text")
    policy = services.pipelines.policy(body.policy)
    async with services.database.transaction() as session:
        found = await services.router.explain(session, body.text, body.task, policy)
    return ExplanationView.model_validate(as_json(found))


@router.put("/routes/{name}", summary="Write a route, new or whole")
@needs(TokenRole.ADMIN)
async def put(name: Name, body: RouteSpec, services: ServicesOf) -> RouteView:
    """Runs that start later use it. A fault is refused with its place, such as `cascade.0.profile`."""
    async with services.database.transaction() as session:
        return _view(await routing.save_route(session, name, body.model_dump(mode="json")))


@router.patch("/routes/{name}", summary="Change fields of a route")
@needs(TokenRole.ADMIN)
async def change(name: Name, body: RouteChange, services: ServicesOf) -> RouteView:
    """Runs that were created keep what they pinned."""
    async with services.database.transaction() as session:
        changes = body.model_dump(mode="json", include=body.model_fields_set)
        return _view(await routing.change_route(session, name, changes))


@router.get("/route-keywords", summary="The words that lead free text to routes, in their order")
@needs(TokenRole.VIEWER)
async def keywords(services: ServicesOf) -> list[Keyword]:
    async with services.database.transaction() as session:
        rows = await routing.keywords(session)
    return [Keyword(keyword=row.keyword, route=row.route) for row in rows]


@router.put("/route-keywords", summary="Write the words whole, in their order")
@needs(TokenRole.ADMIN)
async def put_keywords(
    body: Annotated[list[Keyword], Field(max_length=MAX_KEYWORDS)], services: ServicesOf
) -> list[Keyword]:
    """The first that a text holds decides; `*` is for any text and must be there."""
    async with services.database.transaction() as session:
        await routing.write_keywords(session, body, by_person=True)
    return body


def _view(row: Route) -> RouteView:
    spec = as_route(row).model_dump()
    return RouteView(**spec, name=row.name, is_edited=row.edited_at is not None)
