"""One change to test, and how its tests are run and read."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.pipelines.baselines import BaselineKey
from app.pipelines.project import ProjectSpec
from app.workspace.adapters import ADAPTERS
from app.workspace.adapters.adapter import Adapter, Prepared
from app.workspace.files import SourceFile
from app.workspace.gates.gate import GateSpec
from app.workspace.repository import Repository
from app.workspace.sandbox.execution import Execution
from app.workspace.sandbox.output import OnOutput
from app.workspace.sandbox.verdict import NOTHING, Required, Verdict, judge
from app.workspace.workspace import rebuild

Progress = Callable[[str, Mapping[str, Any]], Awaitable[None]]


async def untold(kind: str, data: Mapping[str, Any]) -> None:
    """Nobody follows."""


@dataclass(frozen=True)
class TestJob:
    """One change to test."""

    __test__ = False  # its name would make pytest collect it

    repository: Repository
    base_commit: str
    files: tuple[SourceFile, ...]
    """All files of the run."""
    folder: Path
    """Where the workspace is built."""
    project: ProjectSpec
    wall_s: float
    gates: tuple[GateSpec, ...] = ()
    """Beside those of the project."""
    permitted: frozenset[str] = frozenset()
    """Control files that the run may have written, beside those that the project permits."""
    permissions: frozenset[str] = frozenset()
    """What a person has permitted the run."""
    baseline: bool = True
    """Whether the tests of the base commit say what has to pass."""
    control: bool = True
    """Whether tests that must fail show that the runner can be believed."""
    progress: Progress = untold
    """Told the kind and the data of what happens meanwhile."""

    @property
    def adapter(self) -> Adapter:
        return ADAPTERS[self.project.test_adapter]

    def hearing(self, what: str) -> OnOutput:
        """Tells, as events `output`, what `what` says while it runs."""

        async def tell(lines: str) -> None:
            await self.progress("output", {"of": what, "text": lines})

        return tell


@dataclass(frozen=True)
class Trial:
    """A job with the means to run its tests on any state of the files."""

    job: TestJob
    execute: Callable[[Path, Prepared], Awaitable[Execution]]
    environment: Mapping[str, Any]
    """All beside the command that decides which tests run."""

    @property
    def prepared(self) -> Prepared:
        return self.job.adapter.prepare(self.job.project.test_command)

    @property
    def key(self) -> BaselineKey:
        project = self.job.project
        how = {
            "adapter": project.test_adapter,
            "argv": self.prepared.argv,
            "env": dict(self.prepared.env),
            "limits": dict(project.sandbox),
            **self.environment,
        }
        return BaselineKey(project.id, self.job.base_commit, how)

    async def judge(self, execution: Execution, required: Required = NOTHING) -> Verdict:
        return await asyncio.to_thread(judge, execution, self.job.adapter.read, required)

    async def build(self, folder: Path, files: Sequence[SourceFile]) -> None:
        """The base commit with these files over it."""
        await rebuild(
            self.job.repository,
            self.job.base_commit,
            folder,
            files,
            protected=self.job.project.protected_paths,
            permitted=self.job.permitted.union(self.job.project.permitted_paths),
        )

    @asynccontextmanager
    async def beside(self, name: str, files: Sequence[SourceFile]) -> AsyncIterator[Path]:
        """Another state of the files, in a folder that is gone afterwards."""
        folder = self.job.folder.with_name(name)
        try:
            await self.build(folder, files)
            yield folder
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, True)
