"""Hypothesis strategies: deliverables with files of every awkward kind, and texts to edit."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

PIECES = st.sampled_from(
    [
        "```",
        "````",
        "`````python",
        "````file b.py",
        "\n",
        "\r\n",
        "\r",
        "\n\n",
        "```json\n{}\n```\n",
        "\\",
        '"',
        "\\n",
        "<<<<<<< SEARCH\n",
        "=======\n",
        ">>>>>>> REPLACE\n",
        "é",
        "😀",
        "\u2028",
        "\x0c",
        "\t",
        "x = 1",
        " ",
        "<think>",
    ]
)
LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
CONTENTS = st.lists(PIECES | st.text(LETTERS, max_size=4), max_size=8).map("".join)
LINE = st.text("abcé_ .`'\"", min_size=1, max_size=8).map(lambda text: "x" + text + "x")
PATHS = st.lists(LINE, min_size=1, max_size=3).map("/".join)


def code_file(path: str, content: str = "x = 1\n") -> dict[str, Any]:
    return {
        "path": path,
        "content": content,
        "imports": [],
        "classes": [],
        "functions": ["f"],
        "tests_required": [],
    }


@st.composite
def deliverables(draw: st.DrawFn) -> dict[str, Any]:
    """Files over all three lists; two paths never differ in case only."""
    paths = draw(st.lists(PATHS, min_size=1, max_size=5, unique_by=str.casefold))
    found: dict[str, Any] = {"files": [], "dependencies": draw(st.lists(LINE, max_size=2)), "test_files": []}
    found["migration_scripts"] = []
    edited = draw(st.lists(PATHS, max_size=2, unique=True))
    edits = [{"path": path, "search": f"{draw(LINE)}\n", "replace": f"{draw(LINE)}\n"} for path in edited]
    found["edits"] = [edit for edit in edits if edit["path"].casefold() not in map(str.casefold, paths)]
    for path in paths:
        name = draw(st.sampled_from(["files", "test_files", "migration_scripts"]))
        found[name].append(code_file(path, draw(CONTENTS)))
    return found
