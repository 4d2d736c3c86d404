"""The repositories that runs work on. A test command is code that runs here, so writing needs an admin."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel

from app.api.access import needs
from app.api.context import ServicesOf
from app.api.docs import bearer
from app.errors import Invalid
from app.pipelines import detecting, projects
from app.pipelines.projects import ProjectDraft
from app.tables import MovedBase, Project, TestAdapter, TokenRole
from app.workspace.sandbox.project_limits import SandboxLimits

router = APIRouter(prefix="/projects", tags=["projects"], dependencies=[Depends(bearer)])

Name = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


class ProjectView(BaseModel):
    name: str
    path: str
    base_branch: str | None
    test_adapter: TestAdapter
    test_command: list[str]
    python: str | None
    setup_command: list[str] | None
    sandbox: SandboxLimits
    gates: list[str]
    push_to: str | None
    on_moved_base: MovedBase
    protected_paths: list[str]
    permitted_paths: list[str]
    created_at: datetime


@router.get("", summary="Every project")
@needs(TokenRole.VIEWER)
async def every(services: ServicesOf) -> list[ProjectView]:
    async with services.database.transaction() as session:
        return [_view(row) for row in await projects.every(session)]


@router.post("", status_code=201, summary="Register a project")
@needs(TokenRole.ADMIN)
async def register(body: ProjectDraft, services: ServicesOf, response: Response) -> ProjectView:
    """The repository is opened and its base commit looked up before anything is stored.

    Without an adapter and a test command, both are chosen by the files of the base commit.
    """
    detected = await detecting.completed(services.database, body)
    row = await projects.register(services.database, detected.draft)
    response.headers["location"] = f"/projects/{row.name}"
    return _view(row)


@router.get("/{name}", summary="A project")
@needs(TokenRole.VIEWER)
async def show(name: Name, services: ServicesOf) -> ProjectView:
    async with services.database.transaction() as session:
        return _view(await projects.get(session, name))


@router.put("/{name}", summary="Write a project, new or whole")
@needs(TokenRole.ADMIN)
async def put(name: Name, body: ProjectDraft, services: ServicesOf) -> ProjectView:
    if body.name != name:
        raise Invalid(f"the address says {name!r} and the body {body.name!r}", place="name")
    return _view(await projects.save(services.database, body))


def _view(row: Project) -> ProjectView:
    return ProjectView.model_validate(row, from_attributes=True)
