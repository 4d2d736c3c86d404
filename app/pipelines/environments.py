"""Where the dependencies of a project come from: what it declares, never the service's own environment."""

from __future__ import annotations

import asyncio
import fcntl
import shutil
import sys
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.digests import digest, writable
from app.errors import Forbidden, Invalid
from app.pipelines.manifests import is_manifest
from app.pipelines.project import ProjectSpec
from app.workspace.checkout import checkout
from app.workspace.environment import ENVIRONMENT, VARIABLE, Environment, made, own_python
from app.workspace.repository import Repository, tracked_files
from app.workspace.sandbox.access import Access
from app.workspace.sandbox.bubblewrap import SYSTEM_PATH
from app.workspace.sandbox.execution import PYTHON, Command, Execution
from app.workspace.sandbox.limits import MIB, Limits
from app.workspace.sandbox.output import OnOutput, last
from app.workspace.sandbox.sandbox import Sandbox

LIMITS = Limits(
    wall_s=3600,
    cpu_s=3600,
    memory_bytes=4096 * MIB,
    address_space_bytes=None,
    processes=1024,
    file_bytes=4096 * MIB,
    work_bytes=2048 * MIB,
    files=1_000_000,
    tmp_bytes=2048 * MIB,
    home_bytes=2048 * MIB,
    open_files=4096,
)
"""Of a set-up: it unpacks and compiles what tests only use."""
BASE_PYTHON = Path(getattr(sys, "_base_executable", sys.executable))
"""`{python}` of a set-up command: the bare interpreter to make an environment with."""
LOOK_S = 0.5


class EnvironmentMissing(Invalid):
    """The test command uses a Python, and the project declares none."""

    code = "environment_missing"


class SetupNotPermitted(Forbidden):
    """The environment is not there yet, and nobody has permitted the set-up command that makes it."""

    code = "setup_not_permitted"

    def __init__(self, permission: str, why: str) -> None:
        super().__init__(why, permission=permission)
        self.permission = permission


class SetupFailed(Invalid):
    """The set-up command did not end well; the message ends with what it said."""

    code = "setup_failed"


class Declares(Protocol):
    """A project: its row, its draft, or what a run knows of it."""

    @property
    def name(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def python(self) -> str | None: ...
    @property
    def test_command(self) -> Sequence[str]: ...
    @property
    def setup_command(self) -> Sequence[str] | None: ...


def declared(project: Declares) -> Environment | None:
    """The interpreter that the project names, else that of the repository's own .venv. Raises for one that
    is not there."""
    if project.python is None:
        python = own_python(Path(project.path))
        return None if python is None else Environment(python)
    if not Path(project.python).is_file():
        raise EnvironmentMissing(
            f"the Python of the project {project.name!r}, {project.python}, is not there: make it, or name "
            f"another with `workbench projects add {project.name} --python PATH`",
            place="python",
        )
    return Environment(Path(project.python))


def check(project: Declares) -> None:
    """Raises `EnvironmentMissing` when the test command uses a Python that nothing can provide."""
    if declared(project) is None and project.setup_command is None and _uses_python(project.test_command):
        raise _missing(project)


class Environments:
    """One folder for each (set-up command, manifests of the base commit), made once on each host."""

    def __init__(self, sandbox: Sandbox, state_dir: Path) -> None:
        self._sandbox = sandbox
        self._folder = state_dir / "environments"

    async def of(
        self,
        project: ProjectSpec,
        repository: Repository,
        base_commit: str,
        permissions: Collection[str] = (),
        on_output: OnOutput | None = None,
    ) -> Environment:
        """Raises `EnvironmentMissing`, `SetupNotPermitted`, `SetupFailed`."""
        found = await asyncio.to_thread(declared, project)
        if found is not None:
            return found
        if project.setup_command is None:
            if _uses_python(project.test_command):
                raise _missing(project)
            return Environment()
        place = await self._place(project, project.setup_command, repository, base_commit)
        if not place.ready.is_file() and place.permission not in permissions:
            raise SetupNotPermitted(
                place.permission,
                f"the set-up command of the project {project.name!r} has to run once for these manifests, "
                "in the sandbox but with the network: permit it, or run "
                f"`workbench projects setup {project.name}`",
            )
        return await self._make(place, repository, base_commit, on_output)

    async def set_up(
        self, project: ProjectSpec, repository: Repository, commit: str, on_output: OnOutput | None = None
    ) -> Environment:
        """What `of` would find, made now: who calls this permits it. Raises `Invalid`, `SetupFailed`."""
        if project.setup_command is None:
            raise Invalid(
                f"the project {project.name!r} has no set-up command: give it one with "
                f"`workbench projects add {project.name} --setup COMMAND`",
                place="setup_command",
            )
        place = await self._place(project, project.setup_command, repository, commit)
        return await self._make(place, repository, commit, on_output)

    async def _place(
        self, project: ProjectSpec, command: Sequence[str], repository: Repository, commit: str
    ) -> Place:
        """The manifests count by their content in the base commit: what a model wrote is not asked."""
        entries = await tracked_files(repository, commit)
        manifests = [[writable(entry.path), entry.object] for entry in entries if is_manifest(entry.path)]
        name = digest({"command": list(command), "manifests": manifests, "python": str(BASE_PYTHON)})
        return Place(project.name, tuple(command), self._folder / project.name / name)

    async def _make(
        self, place: Place, repository: Repository, commit: str, on_output: OnOutput | None
    ) -> Environment:
        if not place.ready.is_file():
            await asyncio.to_thread(place.folder.mkdir, parents=True, exist_ok=True)
            async with _alone(place.folder / "lock"):
                if not place.ready.is_file():  # somebody may have made it while we waited
                    await self._run(place, repository, commit, on_output)
        return made(place.environment)

    async def _run(
        self, place: Place, repository: Repository, commit: str, on_output: OnOutput | None
    ) -> None:
        """The marker comes last: without it whatever is there was left by a set-up that did not end."""
        source = place.folder / "source"
        await asyncio.to_thread(_empty, place.environment)
        await checkout(repository, commit, source)
        try:
            execution = await self._sandbox.run(source, place.setup(), LIMITS, on_output)
        finally:
            await asyncio.to_thread(shutil.rmtree, source, True)
        await asyncio.to_thread((place.folder / "output.txt").write_text, execution.output)
        if execution.exit_code != 0:
            raise _failed(place, execution)
        await asyncio.to_thread(place.ready.touch)


@dataclass(frozen=True)
class Place:
    """Where one environment is, and what makes it."""

    project: str
    command: tuple[str, ...]
    folder: Path

    @property
    def environment(self) -> Path:
        return self.folder / "environment"

    @property
    def ready(self) -> Path:
        """The marker; out of reach of the set-up command."""
        return self.folder / "ready"

    @property
    def permission(self) -> str:
        return f"setup:{self.project}:{self.folder.name[:12]}"

    def setup(self) -> Command:
        argv = tuple(part.replace(ENVIRONMENT, str(self.environment)) for part in self.command)
        path = f"{self.environment}/bin:{BASE_PYTHON.parent}:{SYSTEM_PATH}"
        env = {VARIABLE: str(self.environment), "PATH": path}
        return Command(argv, BASE_PYTHON, env, Access(network=True, writable=self.environment))


def _uses_python(argv: Sequence[str]) -> bool:
    return any(PYTHON in part for part in argv)


def _missing(project: Declares) -> EnvironmentMissing:
    return EnvironmentMissing(
        f"the tests of the project {project.name!r} need a Python with its dependencies, and there is none: "
        f"make a .venv in {project.path}, or name an interpreter with --python PATH, or give it a set-up "
        f"command with `workbench projects add {project.name} --setup COMMAND`",
        place="python",
    )


def _failed(place: Place, execution: Execution) -> SetupFailed:
    how = f"exit code {execution.exit_code}" if execution.ended == "exit" else f"limit: {execution.ended}"
    said = last(execution.output, 2000).strip()
    return SetupFailed(
        f"the set-up command of the project {place.project!r} failed ({how}); all it said is in "
        f"{place.folder / 'output.txt'}: {said}",
        place="setup_command",
    )


def _empty(folder: Path) -> None:
    """Anew and empty, for its own user to enter whatever the umask."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    folder.chmod(0o755)


@asynccontextmanager
async def _alone(path: Path) -> AsyncIterator[None]:
    """One process of this host at a time; the kernel frees the lock of one that dies."""
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(LOOK_S)
        yield
