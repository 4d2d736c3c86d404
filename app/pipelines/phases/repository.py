"""The repository of a run's project, as it is on this host."""

from __future__ import annotations

from pathlib import Path

from app.pipelines.project import ProjectSpec
from app.workspace.repository import Repository, open_repository


async def repository_of(project: ProjectSpec) -> Repository:
    """Raises `NotARepository` when this host does not have it."""
    return await open_repository(Path(project.path))
