"""Documents for people: what they look like, and that no model can break them."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from app.artifacts.documents import (
    TEMPLATES,
    render_document,
    shipped_templates,
    template_text,
    trusted_digests,
)
from app.errors import NotFound
from app.rendering.renderer import Renderer, template_digest
from tests.unit.artifacts.samples import ARCHITECTURE, CODE, COMPONENT, EPIC, PULL_REQUEST, QA_REPORT, RUN

GOLDEN = Path(__file__).parent / "golden"
ARTIFACTS: dict[str, dict[str, Any]] = {
    "epic": EPIC,
    "component": COMPONENT,
    "architecture": ARCHITECTURE,
    "code": CODE,
    "qa_report": QA_REPORT,
    "pull_request": PULL_REQUEST,
}
HOSTILE = (
    "# <script>alert(1)</script> | ``` ![x](http://evil) [y](javascript:z)"
    "\n\n---\n\n## Fake\n\n- item {{ 7*7 }}"
)
PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


@pytest.fixture(scope="module")
async def renderer() -> AsyncIterator[Renderer]:
    renderer = Renderer(trusted_digests())
    yield renderer
    await renderer.close()


def hostile(value: Any) -> Any:
    """The same document with hostile words in each of its texts; the closed sets stay."""
    if isinstance(value, dict):
        kept = {"severity", "category"}
        return {key: item if key in kept else hostile(item) for key, item in value.items()}
    if isinstance(value, list):
        return [hostile(item) for item in value]
    return HOSTILE if isinstance(value, str) else value


def structure(markdown: str) -> list[tuple[str, str]]:
    """What the parser sees apart from words: blocks, and the marks inside lines."""
    seen = []
    for token in PARSER.parse(markdown):
        seen.append((token.type, token.tag))
        seen += [(part.type, part.tag) for part in token.children or [] if not part.type.startswith("text")]
    return seen


@pytest.mark.parametrize("name", ARTIFACTS)
async def test_a_document_looks_like_its_golden_copy(renderer: Renderer, name: str) -> None:
    text = await render_document(renderer, template_text(name), ARTIFACTS[name], RUN)
    golden = GOLDEN / TEMPLATES[name].removesuffix(".j2")
    assert text == golden.read_text(encoding="utf-8")


@pytest.mark.abuse(42)
@pytest.mark.parametrize("name", ARTIFACTS)
async def test_hostile_words_do_not_change_the_structure(renderer: Renderer, name: str) -> None:
    template = template_text(name)
    calm = await render_document(renderer, template, ARTIFACTS[name], RUN)
    text = await render_document(renderer, template, hostile(ARTIFACTS[name]), hostile(RUN))
    assert structure(text) == structure(calm)
    assert "{{ 7*7 }}" in text.replace("\\*", "*")
    assert "<script>" not in PARSER.render(text)


async def test_a_document_without_any_optional_part_says_none(renderer: Renderer) -> None:
    report = copy.deepcopy(QA_REPORT) | {"passed": True, "issues": [], "recommendations": []}
    text = await render_document(renderer, template_text("qa_report"), report, RUN)
    assert text.startswith("# QA report: passed\n")
    assert text.count("None.") == 2


async def test_words_of_a_model_notify_nobody_and_close_nothing(renderer: Renderer) -> None:
    epic = EPIC | {"goal": "Fixes #12, ask @everyone at https://evil.example/x.png"}
    text = await render_document(renderer, template_text("pull_request"), PULL_REQUEST | {"epic": epic}, RUN)
    assert not [sign for sign in ("#12", "@everyone", "https://") if sign in text]


async def test_a_pull_request_without_findings_says_so(renderer: Renderer) -> None:
    nothing = dict.fromkeys(("epic", "architecture", "tests", "qa", "commit"))
    text = await render_document(renderer, template_text("pull_request"), PULL_REQUEST | nothing, RUN)
    assert "> Add a health check endpoint" in text
    assert "None so far." in text


async def test_an_architecture_holds_the_document_of_each_component(renderer: Renderer) -> None:
    whole = await render_document(renderer, template_text("architecture"), ARCHITECTURE, RUN)
    part = await render_document(renderer, template_text("component"), COMPONENT, RUN)
    assert part.replace("## ", "#### ").replace("# HealthRouter", "### HealthRouter") in whole


def test_a_template_is_found_by_artifact_alias_and_file_name() -> None:
    assert template_text("arch_spec") == template_text("architecture.md.j2") == template_text("architecture")


def test_an_unknown_template_lists_those_that_exist() -> None:
    with pytest.raises(
        NotFound, match=r"no document template 'x'; there are: architecture, architecture\.md\.j2"
    ):
        template_text("x")


def test_the_shipped_templates_are_the_trusted_ones() -> None:
    assert trusted_digests() == {template_digest(text) for text in shipped_templates().values()}
    assert set(shipped_templates()) == set(TEMPLATES.values())
