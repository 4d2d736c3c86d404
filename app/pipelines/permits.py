"""Which control files the phases of a run may write, as the definition and the project say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.pipelines.project import ProjectSpec
from app.pipelines.snapshot import PhaseSpec
from app.workspace.files import SourceFile
from app.workspace.paths import check_path, check_protected


def permitted_paths(project: ProjectSpec, phases: Iterable[PhaseSpec]) -> frozenset[str]:
    """What the project permits every run, and the definition these phases of it."""
    return frozenset(project.permitted_paths).union(*(phase.permits for phase in phases))


def check_files(project: ProjectSpec, phases: Iterable[PhaseSpec], files: Sequence[SourceFile]) -> None:
    """Raises `UnsafePath` for a file that the run may not write by now: what is protected is live."""
    permitted = permitted_paths(project, phases)
    for file in files:
        check_protected(check_path(file.path, permitted=permitted), project.protected_paths)
