"""Carries out `projects`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.cli.invocation import command
from app.cli.opening import read_settings, with_services
from app.cli.output import emit, print_json, row, say, stderr, stdout, table
from app.cli.repository import project_for
from app.pipelines import projects
from app.pipelines.detecting import Completed
from app.pipelines.projects import ProjectDraft
from app.services import Services
from app.tables import Project


def list_projects(*, as_json: bool) -> None:
    async def read(services: Services) -> Sequence[Project]:
        async with services.database.transaction() as session:
            return await projects.every(session)

    found = with_services(read_settings(), read)
    if as_json:
        print_json([_fields(project) for project in found])
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
        await project_for(services, repo=repo, name=name, changes=changes, tell=tell_detected)
        async with services.database.transaction() as session:
            return await projects.get(session, name)

    project = with_services(read_settings(), write)
    say(stdout(), f"project {project.name}: {project.path}")


def show(name: str, *, as_json: bool) -> None:
    async def read(services: Services) -> Project:
        async with services.database.transaction() as session:
            return await projects.get(session, name)

    project = with_services(read_settings(), read)
    if as_json:
        print_json(_fields(project))
        return
    made = table("field", "value")
    for field, value in _fields(project).items():
        row(made, field.replace("_", " "), _shown(value))
    emit(stdout(), made)


def tell_detected(made: Completed) -> None:
    """In one line how the repository is tested, what said so, and how to change it; and gates that fit."""
    found, name = made.detected, made.draft.name
    change = f"change it with `{command('projects', 'add', name)} --adapter … --test-command …`"
    if found is None and not {"test_adapter", "test_command"} & made.draft.model_fields_set:
        say(stderr(), f"tests: nothing says how they run, so pytest is taken; {change}")
    elif found is not None:
        ran = shlex.join(found.command) or f"the gates {', '.join(made.draft.gates)}"
        say(stderr(), f"tests: {found.adapter}, because of {found.why}: {ran}; {change}")
    if gates := [gate for gate in made.gates if gate not in made.draft.gates]:
        options = [part for gate in gates for part in ("--gate", gate)]
        say(stderr(), f"gates that fit: `{command('projects', 'add', name, *options)}`")


def _fields(project: Project) -> dict[str, Any]:
    return {field: getattr(project, field) for field in ProjectDraft.model_fields}


def _shown(value: Any) -> str:
    match value:
        case None | [] | ():
            return "-"
        case dict():
            return ", ".join(f"{name}={one}" for name, one in value.items() if one is not None) or "-"
        case list():
            return shlex.join(map(str, value))
        case _:
            return str(value)
