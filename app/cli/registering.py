"""Carries out `projects`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.cli.invocation import command
from app.cli.opening import read_settings, with_services
from app.cli.output import emit, print_json, row, say, stdout, table
from app.cli.repository import project_for
from app.pipelines import projects
from app.pipelines.projects import ProjectDraft
from app.services import Services
from app.tables import Project


def list_projects(*, as_json: bool) -> None:
    async def read(services: Services) -> Sequence[Project]:
        async with services.database.transaction() as session:
            return await projects.every(session)

    found = with_services(read_settings(), read)
    if as_json:
        print_json(
            [{field: getattr(project, field) for field in ProjectDraft.model_fields} for project in found]
        )
        return
    if not found:
        say(stdout(), f"no projects yet; `{command('run')}` registers the repository it works on")
        return
    made = table("project", "branch", "repository", "test command")
    for project in found:
        row(
            made,
            project.name,
            project.base_branch or "HEAD",
            project.path,
            shlex.join(map(str, project.test_command)),
        )
    emit(stdout(), made)


def add(name: str, repo: Path | None, changes: Mapping[str, Any]) -> None:
    async def write(services: Services) -> Project:
        await project_for(services, repo=repo, name=name, changes=changes)
        async with services.database.transaction() as session:
            return await projects.get(session, name)

    project = with_services(read_settings(), write)
    say(stdout(), f"project {project.name}: {project.path}")
