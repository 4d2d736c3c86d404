"""Where a phase runs something of its own: the run's files made anew, and what may be used there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.errors import Invalid
from app.pipelines.code import files_of
from app.pipelines.permits import permitted_paths
from app.pipelines.phases.kind import Draft, PhaseContext
from app.pipelines.phases.repository import repository_of
from app.pipelines.project import ProjectSpec
from app.workspace.repository import Repository
from app.workspace.sandbox.limits import Limits
from app.workspace.sandbox.project_limits import SandboxLimits
from app.workspace.workspace import rebuild, workspace_folder


@dataclass(frozen=True)
class Place:
    """A workspace with the base commit and the files of the run over it."""

    root: Path
    changed: tuple[str, ...]
    """Paths that the run writes."""
    limits: Limits
    project: ProjectSpec
    repository: Repository
    base_commit: str


async def place_of(context: PhaseContext, state_dir: Path) -> Place:
    """Raises `Invalid` without a project, `UnsafePath` for a file that is protected by now."""
    project = context.project
    if project is None or context.base_commit is None:
        raise Invalid(f"a phase of kind {context.spec.kind} needs a project", place=context.spec.name)
    files = files_of(context.artifacts.get("code"))
    root = workspace_folder(state_dir, str(context.pipeline_id), context.fence)
    repository = await repository_of(project)
    await rebuild(
        repository,
        context.base_commit,
        root,
        files,
        protected=project.protected_paths,
        permitted=permitted_paths(project, context.snapshot.phases),
    )
    limits = SandboxLimits.model_validate(project.sandbox).over(Limits(wall_s=context.spec.limits.wall_s))
    changed = tuple(file.path for file in files)
    return Place(root, changed, limits, project, repository, context.base_commit)


def lacking(draft: Draft, schema: str) -> list[tuple[str, str]]:
    """Faults of a phase whose artifact always has this schema."""
    faults = [
        (field, f"a phase of kind {draft.kind} needs one")
        for field in ("artifact", "schema")
        if getattr(draft, field) is None
    ]
    if draft.schema not in (None, schema):
        faults.append(("schema", f"what a phase of kind {draft.kind} makes is a {schema}"))
    return faults
