"""What a project's commands find their dependencies in: an interpreter, and a folder that was set up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.workspace.sandbox.access import Access
from app.workspace.sandbox.bubblewrap import SYSTEM_PATH
from app.workspace.sandbox.execution import Command

ENVIRONMENT = "{environment}"
VARIABLE = "WORKBENCH_ENVIRONMENT"
OWN = (".venv", "venv")


@dataclass(frozen=True)
class Environment:
    """Nothing at all is an environment too: that of a project whose tools all come with the host."""

    python: Path | None = None
    """The interpreter, as a rule the one of a virtual environment."""
    folder: Path | None = None
    """What the set-up command made; shown inside at this path, and only read."""

    def command(self, argv: Sequence[str]) -> Command:
        """`{environment}` in `argv` stands for the folder."""
        given = tuple(part.replace(ENVIRONMENT, str(self.folder or "")) for part in argv)
        return Command(given, self.python, self.variables, self.access)

    @property
    def variables(self) -> Mapping[str, str]:
        if self.folder is None:
            return {}
        return {VARIABLE: str(self.folder), "PATH": f"{self.folder}/bin:{SYSTEM_PATH}"}

    @property
    def access(self) -> Access:
        return Access() if self.folder is None else Access(folders=(self.folder,))


def own_python(repository: Path) -> Path | None:
    """The interpreter of the repository's own virtual environment."""
    found = (repository / name / "bin" / "python" for name in OWN)
    return next((path for path in found if path.is_file()), None)


def made(folder: Path) -> Environment:
    """What a set-up command left in `folder`."""
    python = folder / "bin" / "python"
    return Environment(python if python.is_file() else None, folder)
