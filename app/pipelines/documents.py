"""The documents of a run, made on request with the templates that the run pinned."""

from __future__ import annotations

from uuid import UUID

from app.artifacts import store as artifacts
from app.artifacts.documents import render_document, template_text
from app.artifacts.registry import artifact_name
from app.db import Database
from app.errors import unknown
from app.pipelines import pull_request, store
from app.pipelines.snapshot import Snapshot
from app.rendering.renderer import Renderer


async def render(database: Database, renderer: Renderer, pipeline_id: UUID, name: str) -> str:
    """The Markdown of an artifact. Raises `NotFound`: no such run, no document of it, or not made yet."""
    async with database.transaction() as session:
        row = await store.get(session, pipeline_id)
        snapshot = await store.snapshot(session, row.snapshot)
        templates = _templates(snapshot)
        wanted = artifact_name(name)
        if wanted not in templates:
            raise unknown("document", name, templates)
        if wanted == pull_request.NAME:
            body = await pull_request.facts(session, row, snapshot)
        else:
            body = (await artifacts.get(session, pipeline_id, wanted)).body
    run = {"id": str(row.id), "epic_description": row.epic_description, "definition": row.definition}
    return await render_document(renderer, templates[wanted], body, run, name=wanted)


def _templates(snapshot: Snapshot) -> dict[str, str]:
    """Artifact -> text of its template. A pull request has the shipped one, unless a phase makes its own."""
    commits = any(phase.kind == "commit" for phase in snapshot.phases)
    shipped = {pull_request.NAME: template_text(pull_request.NAME)} if commits else {}
    return shipped | {
        phase.artifact: phase.template.text
        for phase in snapshot.phases
        if phase.artifact is not None and phase.template is not None
    }
