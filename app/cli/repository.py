"""The project that a run works on: one that is known, or a repository that is registered now."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.errors import Invalid
from app.pipelines import projects
from app.pipelines.detecting import Completed, completed
from app.pipelines.projects import SAMPLE, SELF, ProjectDraft
from app.services import Services
from app.tables import Project
from app.workspace.detection import adapter_of
from app.workspace.sandbox.project_limits import SandboxLimits


async def project_for(
    services: Services,
    *,
    repo: Path | None,
    name: str | None,
    changes: Mapping[str, Any],
    tell: Callable[[Completed], None] = lambda made: None,
) -> str:
    """The name of the project. A known one keeps what `changes` does not hold. Raises `Invalid`.

    `tell` hears what was found out about how a new one is tested.
    """
    async with services.database.transaction() as session:
        every = await projects.every(session)
    path = os.path.realpath(repo or ".")  # noqa: ASYNC240 - one lookup on the local disk
    found = _known(every, name, None if name and repo is None else path)
    if found is None:
        chosen = name or _free_name(Path(path).name, {project.name for project in every})
        made = await completed(services.database, draft(name=chosen, path=path, **changes))
        await projects.save(services.database, made.draft)
        tell(made)
        return chosen
    if changes or (repo is not None and found.path != path):
        where = path if repo is not None else found.path
        kept = {**_values(found), "path": where}
        if "test_adapter" in changes and "test_command" not in changes:
            del kept["test_command"]  # it is one of another adapter
        await projects.save(services.database, draft(**{**kept, **changes}))
    return found.name


async def provide_project(services: Services, name: str) -> None:
    """The service's own projects are there when they are named. Raises `Invalid` outside of a checkout."""
    if name == SELF and await services.register_self() is None:
        raise Invalid(
            "this Workbench does not run from a git checkout, so it can not work on itself; "
            "clone its repository, or name another --project",
            place="project",
        )
    if name == SAMPLE:
        await services.register_sample()


def draft(**values: Any) -> ProjectDraft:
    """Raises `Invalid` that names the field."""
    try:
        return ProjectDraft(**values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise Invalid(f"{place} of the project: {first['msg']}", place=place) from None


def _known(every: Collection[Project], name: str | None, path: str | None) -> Project | None:
    if name is not None:
        return next((project for project in every if project.name == name), None)
    return next((project for project in every if project.path == path), None)


def _values(project: Project) -> dict[str, Any]:
    return {field: getattr(project, field) for field in ProjectDraft.model_fields}


def given(
    *,
    test_command: str | None = None,
    python: Path | None = None,
    setup: str | None = None,
    limits: Collection[str] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """The fields of a project that the options of a command set; None is not given. Raises `Invalid`."""
    changes = {name: value for name, value in fields.items() if value is not None}
    if test_command is not None:
        changes["test_command"] = _words(test_command, "test_command")
        changes.setdefault("test_adapter", adapter_of(changes["test_command"]))
    if setup is not None:
        changes["setup_command"] = _words(setup, "setup_command") or None
    if python is not None:
        changes["python"] = str(_interpreter(python))
    if limits:
        changes["sandbox"] = _limits(limits)
    return changes


def _words(command: str, place: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(command))
    except ValueError as error:
        raise Invalid(f"the {place.replace('_', ' ')} can not be read: {error}", place=place) from error


def _limits(given: Collection[str]) -> dict[str, int | str]:
    """`NAME=VALUE` each; their names and values are checked with the project."""
    pairs = [limit.partition("=") for limit in given]
    for name, _, value in pairs:
        if name not in SandboxLimits.model_fields or not value:
            names = ", ".join(SandboxLimits.model_fields)
            raise Invalid(f"--limit takes NAME=VALUE, with one of the names {names}", place="sandbox")
    return {name: int(value) if value.isdecimal() else value for name, _, value in pairs}


def _interpreter(given: Path) -> Path:
    """The program, or the `bin/python` of an environment. Links stay: they name the environment."""
    path = Path(os.path.abspath(given.expanduser()))
    if path.is_dir():
        path = path / "bin" / "python"
    if not path.is_file():
        raise Invalid(f"there is no interpreter at {path}", place="python")
    return path


def _free_name(folder: str, taken: Collection[str]) -> str:
    """The folder's name as a project's name, with a number when another project has it."""
    base = re.sub(r"[^a-z0-9._-]+", "-", folder.lower()).strip("-._")[:58] or "project"
    names = (base if number == 1 else f"{base}-{number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)
