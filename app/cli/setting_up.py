"""Carries out `projects setup`: makes the environment of a project by its set-up command."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.status import Status

from app.cli.invocation import command
from app.cli.opening import read_settings, with_services
from app.cli.output import line, one_line, say, stderr, stdout
from app.errors import Invalid
from app.pipelines import history, projects
from app.pipelines.environments import Environments
from app.pipelines.project import ProjectSpec
from app.services import Services
from app.workspace.environment import Environment
from app.workspace.repository import head_commit, open_repository


def set_up(name: str) -> None:
    """Who calls this permits the command to run in the sandbox with the network open."""

    async def work(services: Services) -> Environment:
        project = await _project(services, name)
        repository = await open_repository(Path(project.path))
        commit = await head_commit(repository, project.base_branch)
        environments = Environments(services.sandbox, services.settings.state_dir)
        with _Told(stderr(), f"setting up {name}") as told:
            return await environments.set_up(project, repository, commit, told.hear)

    made = with_services(read_settings(), work)
    say(stdout(), f"the environment of {name} is ready: {made.folder}")
    if made.python is not None:
        say(stdout(), ("its Python: ", "dim"), str(made.python))
    say(stdout(), ("run on it: ", "dim"), command("run", "Add …", "--project", name))


class _Told:
    """The last line of the command: moving on a terminal, else one line each time."""

    def __init__(self, console: Console, what: str) -> None:
        self._console = console
        self._what = what
        live = console.is_terminal and not console.is_dumb_terminal
        self._status: Status | None = console.status(line(what)) if live else None

    def __enter__(self) -> _Told:
        if self._status:
            self._status.start()
        else:
            say(self._console, self._what)
        return self

    def __exit__(self, *_: object) -> None:
        if self._status:
            self._status.stop()

    async def hear(self, lines: str) -> None:
        said = one_line(lines.splitlines()[-1] if lines else "", 200)
        if self._status:
            self._status.update(line(f"{self._what}: {said}"))
        else:
            say(self._console, ("  ", "dim"), said)


async def _project(services: Services, name: str) -> ProjectSpec:
    async with services.database.transaction() as session:
        row = await projects.get(session, name)
    async with services.database.connection() as connection:
        found = await history.project(connection, row.id)
    if found is None:
        raise Invalid(f"the project {name!r} was removed just now", place="name")
    return found
