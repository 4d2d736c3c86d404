"""Completes a project that does not say how it is tested, by what its repository holds."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from app.db import Database
from app.errors import NotFound
from app.pipelines.projects import ProjectDraft
from app.tables import Gate, TestAdapter
from app.workspace.detection import Detected, adapter_of, detect
from app.workspace.gates.gate import GateSpec, gate_of
from app.workspace.repository import (
    SUBMODULE,
    Repository,
    head_commit,
    open_repository,
    read_file,
    tracked_files,
)
from app.workspace.sandbox.bubblewrap import SYSTEM_PATH

LARGEST = 256 * 1024


@dataclass(frozen=True)
class Completed:
    """A project that says how it is tested."""

    draft: ProjectDraft
    detected: Detected | None
    """None: nothing was to be found out, or nothing was found."""
    gates: tuple[str, ...] = ()
    """Gates for files of this repository whose tools are on this host."""


async def completed(database: Database, draft: ProjectDraft) -> Completed:
    """A command says its adapter; without a command the files say both. Raises `NotARepository`."""
    if "test_adapter" in draft.model_fields_set:
        return Completed(draft, None)
    if "test_command" in draft.model_fields_set:
        adapter = adapter_of(draft.test_command)
        return Completed(ProjectDraft(**{**_given(draft), "test_adapter": adapter}), None)
    repository = await open_repository(Path(draft.path))
    commit = await head_commit(repository, draft.base_branch)
    entries = await tracked_files(repository, commit)
    sizes = {
        entry.path: entry.size for entry in entries if entry.path.isprintable() and entry.mode != SUBMODULE
    }
    found = await detect(list(sizes), _Reader(repository, commit, sizes).read)
    gates = await _suggested(database, list(sizes))
    if found is None or (found.adapter is TestAdapter.GATES and not (gates or draft.gates)):
        return Completed(draft, None, gates)
    values: dict[str, Any] = {"test_adapter": found.adapter, "test_command": found.command}
    if found.adapter is TestAdapter.GATES and not draft.gates:
        values["gates"] = gates
    return Completed(ProjectDraft(**{**_given(draft), **values}), found, gates)


@dataclass(frozen=True)
class _Reader:
    repository: Repository
    commit: str
    sizes: Mapping[str, int]

    async def read(self, path: str) -> str:
        if self.sizes[path] > LARGEST:
            return ""
        try:
            return (await read_file(self.repository, self.commit, path)).decode("utf-8", "replace")
        except NotFound:
            return ""


def _given(draft: ProjectDraft) -> dict[str, Any]:
    return {name: getattr(draft, name) for name in draft.model_fields_set}


async def _suggested(database: Database, paths: Sequence[str]) -> tuple[str, ...]:
    async with database.transaction() as session:
        rows = (await session.scalars(select(Gate).order_by(Gate.name))).all()
    specs = [
        gate_of({"name": row.name, "kind": row.kind, "files": row.files, "settings": row.settings})
        for row in rows
    ]
    return tuple(spec.name for spec in specs if spec.matching(paths) and _is_there(spec))


def _is_there(spec: GateSpec) -> bool:
    """Whether the program that the gate calls, if any, is where the sandbox finds it."""
    argv: Collection[Any] = spec.settings.get("argv") or ()
    program = next(iter(argv), "{python}")
    return program == "{python}" or shutil.which(str(program), path=SYSTEM_PATH) is not None
