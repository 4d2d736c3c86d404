"""Documents: Markdown that templates make from an artifact, for people; no model writes it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from app.artifacts.registry import artifact_name
from app.errors import unknown
from app.rendering.renderer import Renderer, template_digest
from app.settings import ROOT

FOLDER = ROOT / "templates" / "documents"
TEMPLATES = {
    "epic": "epic.md.j2",
    "architecture": "architecture.md.j2",
    "component": "component.md.j2",
    "code": "dev_summary.md.j2",
    "qa_report": "qa_report.md.j2",
    "pull_request": "pull_request.md.j2",
}
"""The template of each artifact that has a document; `component` is one part of an architecture, and a
`pull_request` is made of all artifacts of a run."""


async def render_document(
    renderer: Renderer, template_text: str, artifact: Any, run: Mapping[str, Any], *, name: str = "document"
) -> str:
    """The Markdown. `run` has `id`, `epic_description`, `definition`. Raises `TemplateError`."""
    return await renderer.render(template_text, {"artifact": artifact, "run": run}, name=name)


def template_text(name: str) -> str:
    """The shipped template of an artifact (`architecture`) or of that name (`architecture.md.j2`)."""
    shipped = shipped_templates()
    key = TEMPLATES.get(artifact_name(name), name)
    if key not in shipped:
        raise unknown("document template", name, [*TEMPLATES, *shipped])
    return shipped[key]


@cache
def shipped_templates() -> Mapping[str, str]:
    """File name -> text. Each text stands alone: an architecture carries the template of its components."""
    texts = {name: (FOLDER / name).read_text(encoding="utf-8") for name in TEMPLATES.values()}
    part = texts[TEMPLATES["component"]]
    macro = f"{{% macro component(artifact) %}}\n{part}{{% endmacro %}}\n"
    texts[TEMPLATES["architecture"]] = macro + texts[TEMPLATES["architecture"]]
    return texts


def trusted_digests() -> frozenset[str]:
    """What `Renderer(trusted=...)` takes, so that these templates need no process of their own."""
    return frozenset(template_digest(text) for text in shipped_templates().values())
