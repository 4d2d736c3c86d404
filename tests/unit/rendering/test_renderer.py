"""What a template gets, what it gives, and what its errors say."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from app.rendering.child import answer
from app.rendering.errors import TemplateError
from app.rendering.renderer import SMALL, Renderer, is_small, template_digest

ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{% for n in names %}\n- {{ n }}\n{% endfor %}\nend\n", "- a\n- b\nend\n"),
        ("{{ d.items }} {{ d.values()|list }}", "a key ['a key', 2]"),
        ("{{ names|map('upper')|join(', ') }}", "A, B"),
        ("{{ 7 * 6 }} {{ 7 % 4 }} {{ 1.5 * 2 }}", "42 3 3.0"),
        ("{{ d|tojson }}", '{"items":"a key","other":2}'),
        ("{{ '</task>'|tojson }}", '"<\\/task>"'),
        ("{{ d|tojson(indent=1) }}", '{\n "items": "a key",\n "other": 2\n}'),
        ("{{ 'a\nb'|indent(2) }}|{{ 'a\n\nb'|indent(2, true) }}", "a\n  b|  a\n\n  b"),
        ("{{ 'a-b'|replace('-', '+') }}", "a+b"),
        ("{{ missing|default('none') }}", "none"),
        ("{% for n in names %}{{ loop.index }}{{ loop.cycle('x', 'y') }}{% endfor %}", "1x2y"),
        ("{{ '<b>' }}", "<b>"),
        ("{% macro m(x) %}[{{ x }}]{% endmacro %}{{ m(1) }}", "[1]"),
    ],
)
async def test_ordinary_templates_work(renderer: Renderer, template: str, text: str, trusted: bool) -> None:
    renderer = Renderer([template_digest(template)]) if trusted else renderer
    variables = {"names": ["a", "b"], "d": {"items": "a key", "other": 2}}
    assert await renderer.render(template, variables) == text


@pytest.mark.parametrize(
    "value", [object(), {1, 2}, b"bytes", float("nan"), float("inf"), "\ud800", {(1,): 2}]
)
@pytest.mark.parametrize("trusted", [True, False])
async def test_only_plain_json_goes_in(value: Any, trusted: bool) -> None:
    renderer = Renderer([template_digest("{{ x }}")] if trusted else [])
    with pytest.raises(TemplateError, match="plain JSON"):
        await renderer.render("{{ x }}", {"x": value})


async def test_values_over_the_limit_are_refused(renderer: Renderer) -> None:
    with pytest.raises(TemplateError, match="32 MiB"):
        await renderer.render("{{ x|length }}", {"x": ["a" * 1024 * 1024] * 33})


async def test_large_values_below_the_limit_work(renderer: Renderer) -> None:
    assert await renderer.render("{{ x|length }}", {"x": "a" * 9_000_000}) == "9000000"


async def test_a_trusted_template_leaves_the_event_loop_when_its_values_are_large() -> None:
    renderer = Renderer([template_digest(ENDLESS)])
    with pytest.raises(TemplateError, match="was stopped"):
        await renderer.render(ENDLESS, {"x": "a" * SMALL})
    await renderer.close()


@pytest.mark.parametrize(
    "large",
    ["a" * SMALL, ["a"] * SMALL, {str(n): n for n in range(SMALL)}, [["a" * 100]] * 1000, {"a" * SMALL: 1}],
)
def test_text_items_and_keys_make_values_large(large: Any) -> None:
    assert not is_small({"x": large})


def test_an_ordinary_artifact_is_small() -> None:
    assert is_small({"artifact": {"title": "t", "stories": ["s"] * 20, "count": 3, "none": None}})


async def test_renders_run_side_by_side(renderer: Renderer) -> None:
    texts = await asyncio.gather(*(renderer.render("{{ n }}", {"n": n}) for n in range(40)))
    assert texts == [str(n) for n in range(40)]


@pytest.mark.parametrize(
    ("template", "line", "reason"),
    [
        ("{{ epic }}\n{% if %}", 2, "Expected an expression"),
        ("{{ epic }}\n\n{{ epik }}", 3, "variable 'epik' is not declared; declared are: epic, rest"),
        ("{{ epic.titel }}", 1, "no attribute 'titel'"),
        ("\n{{ epic|nothing }}", 2, "No filter named 'nothing'"),
        ("\n{{ rest }}", 2, "'rest' is undefined"),
        ("{{ epic }\n{{ epic }}", 1, "unexpected '}'"),
    ],
)
async def test_a_check_names_the_place(renderer: Renderer, template: str, line: int, reason: str) -> None:
    with pytest.raises(TemplateError) as error:
        await renderer.check(template, {"epic": {"title": "t"}}, ["rest", "epic"], "draft")
    assert error.value.details["line"] == line
    assert reason in error.value.details["reason"]


async def test_a_check_gives_the_text_of_the_sample(renderer: Renderer) -> None:
    assert await renderer.check("{% set n = 1 %}{{ epic }}{{ n }}", {"epic": "e"}, ["epic"]) == "e1"


def test_a_check_answers_with_the_variable_nobody_declared() -> None:
    request = {"name": "t", "template": "\n{{ a ~ b }}", "variables": {"a": 1, "b": 2}, "declared": ["a"]}
    status, _, body = answer(json.dumps(request).encode()).partition(b"\n")
    assert status == b"error"
    assert json.loads(body) == {
        "name": "t",
        "line": 2,
        "reason": "variable 'b' is not declared; declared are: a",
        "variable": "b",
    }


def test_an_answer_is_the_text_after_a_line_that_says_ok() -> None:
    request = {"name": "t", "template": "{{ a }}", "variables": {"a": "é"}, "declared": ["a"]}
    assert answer(json.dumps(request).encode()) == "ok\né".encode()


async def test_a_value_that_is_not_there_is_named_in_arithmetic_too(renderer: Renderer) -> None:
    with pytest.raises(TemplateError, match="'count' is undefined"):
        await renderer.render("{{ count * 2 }}", {})
