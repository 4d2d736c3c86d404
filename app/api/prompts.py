"""Role prompts: list, read, add a version that was checked, move a label."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.access import needs
from app.api.context import CallerOf, ServicesOf
from app.api.docs import bearer
from app.pipelines.editing import Name, PromptDraft, add_role, add_version
from app.prompts import store
from app.tables import RolePrompt, TokenRole

router = APIRouter(prefix="/prompts", tags=["prompts"], dependencies=[Depends(bearer)])

Role = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


class NewRole(PromptDraft):
    role: Name


class LabelMove(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: int = Field(ge=1, le=2**31 - 1)


class RoleView(BaseModel):
    role: str
    labels: dict[str, int]
    """Label to version; runs use `production`."""


class VersionSummary(BaseModel):
    version: int
    digest: str
    message: str
    created_by: str
    created_at: datetime


class PromptVersion(VersionSummary):
    role: str
    system: str
    task: str
    variables: list[str]


class RoleDetail(RoleView):
    versions: list[VersionSummary]
    """Newest first."""


@router.get("", summary="Every role and its labels")
@needs(TokenRole.VIEWER)
async def every(services: ServicesOf) -> list[RoleView]:
    async with services.database.transaction() as session:
        labels = await store.labels(session)
        return [RoleView(role=role, labels=labels.get(role, {})) for role in await store.roles(session)]


@router.post("", status_code=201, summary="Add a role with its first version")
@needs(TokenRole.AUTHOR)
async def create(body: NewRole, services: ServicesOf, caller: CallerOf, response: Response) -> PromptVersion:
    draft = PromptDraft(**body.model_dump(exclude={"role"}))
    row = await add_role(services.database, services.renderer, body.role, draft, by=caller.name)
    response.headers["location"] = _path(row)
    return _version(row)


@router.get("/{role}", summary="A role: its labels and versions")
@needs(TokenRole.VIEWER)
async def show(role: Role, services: ServicesOf) -> RoleDetail:
    async with services.database.transaction() as session:
        rows = await store.versions(session, role)
        labels = await store.labels(session)
    return RoleDetail(
        role=role,
        labels=labels.get(role, {}),
        versions=[VersionSummary.model_validate(row, from_attributes=True) for row in rows],
    )


@router.get("/{role}/versions/{number}", summary="The text of one version")
@needs(TokenRole.VIEWER)
async def version(role: Role, number: Number, services: ServicesOf) -> PromptVersion:
    async with services.database.transaction() as session:
        return _version(await store.version(session, role, number))


@router.post("/{role}/versions", status_code=201, summary="Add a version; it is test-rendered first")
@needs(TokenRole.AUTHOR)
async def add(
    role: Role, body: PromptDraft, services: ServicesOf, caller: CallerOf, response: Response
) -> PromptVersion:
    """Runs use it once the label `production` points at it; a run under way keeps what it pinned."""
    row = await add_version(services.database, services.renderer, role, body, by=caller.name)
    response.headers["location"] = _path(row)
    return _version(row)


@router.put("/{role}/labels/{label}", summary="Point a label at a version")
@needs(TokenRole.AUTHOR)
async def move(role: Role, label: Role, body: LabelMove, services: ServicesOf, caller: CallerOf) -> RoleView:
    async with services.database.transaction() as session:
        await store.move_label(session, role, label, body.version, by=caller.name)
        labels = await store.labels(session)
    return RoleView(role=role, labels=labels[role])


def _path(row: RolePrompt) -> str:
    return f"/prompts/{row.role}/versions/{row.version}"


def _version(row: RolePrompt) -> PromptVersion:
    return PromptVersion.model_validate(row, from_attributes=True)
