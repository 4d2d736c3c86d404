"""Text from a model stays text: a Markdown parser reads back exactly what went in."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from app.rendering.filters import INVISIBLE, code, deeper, fence, md

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
HOSTILE = [
    "<script>alert(1)</script>",
    "![leak](http://evil/?q)",
    "[click](javascript:alert(1))",
    "a | b |\n| --- | --- |",
    "# heading\n\n```\ncode",
    "- item\n1. item\n> quote\n---\n===",
    "&lt;b&gt; &amp;amp; &#60;",
    "`code` ``more`` *bold* __init__ _x_ ~~gone~~ \\* a_b_c",
    "text \\",
    "1) one",
    "2026. A year",
    "Title #",
    "Title ##",
    "\x1b[31mred\u202egnp.exe\x00",
    "<!-- comment",
    "[ref]: http://evil",
    "[ ] task",
    "+",
    "-",
]
ANY_TEXT = st.one_of(st.text(), st.text(alphabet="\\`*_[]()<>#|~!&;=+-.1a \n\t"), st.sampled_from(HOSTILE))


def plain(text: str) -> str:
    return " ".join(INVISIBLE.sub("", re.sub(r"\s", " ", text)).split())


def inlines(markdown: str) -> list[Token]:
    return [token for token in PARSER.parse(markdown) if token.type == "inline"]


def text_of(token: Token) -> str:
    """The words of an inline token, which must hold words only."""
    parts = token.children or []
    assert {part.type for part in parts} <= {"text", "text_special"}
    return "".join(part.content for part in parts)


@pytest.mark.abuse(42)
@given(ANY_TEXT)
@example("Use #")
@example("0\r\x1b 0")
def test_md_reads_as_given_in_a_paragraph_list_quote_heading_and_cell(text: str) -> None:
    cell = md(text)
    document = (
        f"- {cell}x\n\n> {cell}x\n\n# {cell}x\n\n| a | b |\n| --- | --- |\n| {cell}x | y |\n\n{cell}x\n"
    )
    words = [text_of(token) for token in inlines(document)]
    expected = plain(text) + "x"
    assert words == [expected, expected, expected, "a", "b", expected, "y", expected]


@given(ANY_TEXT.filter(plain))
def test_md_reads_as_given_when_nothing_follows(text: str) -> None:
    (heading,) = inlines(f"# {md(text)}\n")
    (item,) = inlines(f"- {md(text)}\n")
    assert text_of(heading) == text_of(item) == plain(text)


@given(ANY_TEXT.filter(plain))
def test_a_code_span_holds_the_text_whatever_its_backticks(text: str) -> None:
    (token,) = inlines(f"a {code(text)} b\n")
    _, span, _ = token.children or []
    assert (span.type, span.content) == ("code_inline", plain(text))


@given(ANY_TEXT)
def test_a_fence_holds_the_text_whatever_its_backticks(text: str) -> None:
    block = fence(text, "py\nthon`")
    tokens = PARSER.parse(f"{block}\n\nafter\n")
    assert [token.type for token in tokens][:2] == ["fence", "paragraph_open"]
    assert tokens[0].info == "python"
    expected = "\n".join(INVISIBLE.sub("", line) for line in text.splitlines())
    assert tokens[0].content.rstrip("\n") == expected.rstrip("\n")


def test_nothing_in_code_is_nothing() -> None:
    assert code(" \n") == ""


@pytest.mark.parametrize(
    "text", ["health_check and a_b", "GET /health answers 503.", "a - b + c", "C# 8.0 (LTS)!", "x > 1; y = 2"]
)
def test_ordinary_text_stays_readable(text: str) -> None:
    assert md(text) == text


def test_deeper_moves_headings_down_and_nothing_else() -> None:
    assert deeper("# A\n\n#5 and # x\n###### F\n", 2) == "### A\n\n#5 and # x\n###### F\n"
