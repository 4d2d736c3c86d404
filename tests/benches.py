"""The real bench on a repository of the test, without a database."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from app.pipelines.baselines import BaselineKey
from app.pipelines.environments import Environments
from app.pipelines.project import ProjectSpec
from app.pipelines.testing import TestBench, Tested, TestJob
from app.tables import MovedBase, TestAdapter
from app.workspace.adapters import ADAPTERS
from app.workspace.files import SourceFile
from app.workspace.repository import head_commit, open_repository
from app.workspace.sandbox.sandbox import Sandbox
from app.workspace.sandbox.verdict import Required
from tests.db.repositories import make_repository

PERMITTED = ("conftest.py", "pyproject.toml", "pytest.ini", "package.json", "sitecustomize.py")
SANDBOX = Sandbox()


class Remembered:
    """Baselines of this process."""

    def __init__(self) -> None:
        self.found: dict[tuple[int, str, str], Required] = {}

    async def find(self, key: BaselineKey) -> Required | None:
        return self.found.get((key.project_id, key.commit, key.sha256))

    async def keep(self, key: BaselineKey, found: Required) -> None:
        self.found[key.project_id, key.commit, key.sha256] = found


@dataclass
class Workshop:
    """One project, and changes of it that are tested."""

    folder: Path
    job: TestJob
    baselines: Remembered
    told: list[str] = field(default_factory=list)
    """The kinds of the events of all tests."""

    async def test(self, files: Mapping[str, str], **changes: Any) -> Tested:
        async def tell(kind: str, data: Mapping[str, Any]) -> None:
            if kind != "output":
                self.told.append(kind)

        written = tuple(SourceFile(path, content) for path, content in files.items())
        environments = Environments(SANDBOX, self.folder / "state")
        bench = TestBench(SANDBOX, environments, self.baselines, {})
        return await bench.test(replace(self.job, files=written, progress=tell, **changes))


def _folder(root: Path) -> Path:
    """That the sandbox's own user can reach."""
    folder = Path(tempfile.mkdtemp(dir=root))
    folder.chmod(0o755)
    return folder


async def open_workshop(
    root: Path, adapter: TestAdapter, files: Mapping[str, str], *command: str, **project: Any
) -> Workshop:
    """A repository with these files and a project of this adapter, with its default command."""
    folder = await asyncio.to_thread(_folder, root)
    person = make_repository(folder / "project", files)
    repository = await open_repository(person.path)
    spec = ProjectSpec(
        id=1,
        name="project",
        path=str(person.path),
        base_branch=None,
        test_command=command or ADAPTERS[adapter].default,
        python=sys.executable,
        protected_paths=(),
        permitted_paths=PERMITTED,
        test_adapter=adapter,
        setup_command=None,
        sandbox={},
        gates=(),
        push_to=None,
        on_moved_base=MovedBase.KEEP,
    )
    job = TestJob(
        repository=repository,
        base_commit=await head_commit(repository),
        files=(),
        folder=folder / "workspaces" / "run" / "1" / "files",
        project=replace(spec, **project),
        wall_s=120,
    )
    return Workshop(folder, job, Remembered())
