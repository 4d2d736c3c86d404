"""The code of a run over its rounds."""

from __future__ import annotations

from typing import Any

from app.pipelines.code import files_of, merge


def code(
    *files: tuple[str, str], tests: tuple[tuple[str, str], ...] = (), needs: tuple[str, ...] = ()
) -> dict[str, Any]:
    return {
        "files": [{"path": path, "content": content} for path, content in files],
        "test_files": [{"path": path, "content": content} for path, content in tests],
        "migration_scripts": [],
        "dependencies": list(needs),
    }


def test_the_first_answer_is_the_code() -> None:
    first = code(("a.py", "1"))
    assert merge(None, first) == first


def test_a_rework_keeps_the_files_it_does_not_name() -> None:
    merged = merge(code(("a.py", "1"), ("b.py", "1"), needs=("x",)), code(("b.py", "2"), needs=("y", "x")))
    assert {file.path: file.content for file in files_of(merged)} == {"a.py": "1", "b.py": "2"}
    assert merged["dependencies"] == ["x", "y"]


def test_a_file_that_moves_to_another_list_stands_in_one_list_only() -> None:
    merged = merge(code(("t.py", "old")), code(("a.py", "1"), tests=(("t.py", "new"),)))
    assert [(file.path, file.content) for file in files_of(merged)] == [("a.py", "1"), ("t.py", "new")]


def test_no_code_has_no_files() -> None:
    assert files_of(None) == ()
