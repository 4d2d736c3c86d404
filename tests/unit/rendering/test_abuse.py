"""What a hostile or careless template can not do."""

from __future__ import annotations

import pytest

from app.rendering.errors import TemplateError
from app.rendering.renderer import Renderer, template_digest

ESCAPES = [
    "{{ ''.__class__.__mro__ }}",
    "{{ ''['__class__'] }}",
    "{{ x|attr('__class__') }}",
    "{{ '{0.__class__}'.format(x) }}",
    "{{ '{x.__class__}'.format_map({'x': x}) }}",
    "{{ '%s' % x }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ lipsum.__globals__ }}",
    "{{ lipsum(n=100000) }}",
    "{{ namespace().__class__ }}",
    "{{ joiner() }}",
    "{{ range.__globals__ }}",
    "{{ self._TemplateReference__context }}",
    "{% macro m() %}{% endmacro %}{{ m._func.__globals__ }}",
    "{{ [x]|map(attribute='__class__')|join }}",
    "{{ [x]|map('attr', '__class__')|list }}",
    "{{ (1).to_bytes(10) }}",
    "{{ d.update({'a': 2}) }}",
    "{{ d.clear() }}",
    "{{ [1].append(2) }}",
    "{% autoescape true %}{{ x }}{% endautoescape %}",
]
LOADERS = [
    "{% include '/etc/passwd' %}",
    "{% import 'x' as y %}",
    "{% from 'x' import y %}",
    "{% extends 'x' %}",
    "{% if false %}{% include 'x' %}{% endif %}",
]
ALLOCATIONS = [
    "{{ 'a' * 10**9 }}",
    "{{ 'a' * 1000000000 }}",
    "{{ [0] * 1000000000 }}",
    "{{ '%3000000000d' % 1 }}",
    "{{ x|center(3000000000) }}",
    "{{ x.center(3000000000) }}",
    "{{ x.ljust(3000000000) }}",
    "{{ x.zfill(3000000000) }}",
    "{{ '%3000000000d'|format(1) }}",
    "{{ [1]|batch(3000000000, x)|list }}",
    "{{ x|indent(3000000000) }}",
    "{{ ('a,'|list|join('b'))|replace('', x.join(range(90000)|map('string'))) }}",
    "{{ range(1000000000)|list }}",
    "{{ {'a': x}|tojson(indent=3000000000) }}",
    "{{ (range(99999)|list|string)|replace(',', range(99999)|list|string) }}",
]
POWERS = ["{{ 9**9**9 }}", "{{ 2**2 }}", "{{ 99999999999999999999 * 99999999999999999999 }}"]
DEPTHS = [
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% for a in [[[]]] recursive %}{{ loop([[1]]) }}{{ loop([a, a]) }}{% endfor %}",
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "{% if true %}" * 300 + "{% endif %}" * 300,
    "{{ " + "-" * 5000 + "1 }}",
    "{{ " + "[" * 5000 + "]" * 5000 + " }}",
]


HOSTILE = [
    pytest.param(template, marks=pytest.mark.abuse(case))
    for case, templates in ((23, ESCAPES), (24, LOADERS), (27, ALLOCATIONS), (28, POWERS), (29, DEPTHS))
    for template in templates
]


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize("template", HOSTILE)
async def test_a_hostile_template_is_a_template_error(
    renderer: Renderer, template: str, trusted: bool
) -> None:
    renderer = Renderer([template_digest(template)]) if trusted else renderer
    with pytest.raises(TemplateError) as error:
        await renderer.render(template, {"x": "value", "d": {"a": 1}}, name="hostile")
    assert error.value.details["name"] == "hostile"
    assert error.value.status == 422


@pytest.mark.abuse(25)
@pytest.mark.parametrize(
    "template",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% if false %}{{ " + "~".join(["'a'"] * 3) + " }}{% endif %}"
        "{% for a in range(99999) %}{% for b in range(99999) %}{% set c = a ~ b %}{% endfor %}{% endfor %}",
    ],
)
async def test_a_loop_without_output_is_stopped_and_the_next_render_works(
    renderer: Renderer, template: str
) -> None:
    with pytest.raises(TemplateError, match="2 s of processor time"):
        await renderer.render(template, {})
    assert await renderer.render("{{ x }}", {"x": 1}) == "1"


@pytest.mark.abuse(27)
async def test_memory_that_adds_up_is_refused_and_the_next_render_works(renderer: Renderer) -> None:
    greedy = (
        "{% macro twice(text, n) %}{% if n %}{{ twice(text ~ text, n - 1) }}{% else %}{{ text|length }}"
        "{% endif %}{% endmacro %}{{ twice('0123456789', 30) }}"
    )
    with pytest.raises(TemplateError, match="memory"):
        await renderer.render(greedy, {})
    assert await renderer.render("{{ x }}", {"x": 1}) == "1"


@pytest.mark.abuse(26)
async def test_output_is_cut_off_at_one_mebibyte(renderer: Renderer) -> None:
    flood = "{% for a in range(99999) %}{% for b in range(99999) %}0123456789{% endfor %}{% endfor %}"
    with pytest.raises(TemplateError, match="1024 KiB"):
        await renderer.render(flood, {})


@pytest.mark.abuse(30)
@pytest.mark.parametrize("trusted", [True, False])
async def test_a_value_that_looks_like_a_template_stays_literal(trusted: bool) -> None:
    template = "{{ x }}"
    renderer = Renderer([template_digest(template)] if trusted else [])
    hostile = "{{ 7*7 }} {% include 'x' %} {# gone? #}"
    try:
        assert await renderer.render(template, {"x": hostile}) == hostile
    finally:
        await renderer.close()


@pytest.mark.abuse(31)
async def test_an_undefined_variable_is_named_with_its_line(renderer: Renderer) -> None:
    with pytest.raises(TemplateError, match=r"'prompt v3', line 2: 'epci' is undefined"):
        await renderer.render("{{ epic }}\n{{ epci }}", {"epic": 1}, name="prompt v3")


@pytest.mark.parametrize("template", ["a" * 300_000, "\N{GRINNING FACE}" * 70_000])
async def test_a_template_over_256_kib_is_refused(renderer: Renderer, template: str) -> None:
    with pytest.raises(TemplateError, match="256 KiB"):
        await renderer.render(template, {})


@pytest.mark.parametrize("char", ["\x00", "\ud800"])
async def test_a_template_that_is_not_text_is_refused_with_the_line(renderer: Renderer, char: str) -> None:
    with pytest.raises(TemplateError) as error:
        await renderer.render(f"fine\nnot {char} fine", {})
    assert error.value.details["line"] == 2
