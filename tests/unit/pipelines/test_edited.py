"""An answer with edits becomes whole files by what the model was shown, or is told why it can not."""

from __future__ import annotations

from typing import Any

import pytest

from app.llm.request import NotAccepted
from app.pipelines.edited import Shown, whole_files
from tests.unit.llm.channels.deliverables import code_file

TEXTS = {"app/a.py": "one\ntwo\n", "tests/test_a.py": "three\n", "app/long.py": "x = 1\n" * 300}
SHOWN = Shown(TEXTS)


def answer(*edits: tuple[str, str, str], files: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    listed = [dict(zip(("path", "search", "replace"), edit, strict=True)) for edit in edits]
    return {"files": list(files), "test_files": [], "migration_scripts": [], "edits": listed}


def resolved(given: dict[str, Any], shown: Shown = SHOWN, **options: Any) -> dict[str, Any]:
    return whole_files(given, shown, options.get("earlier"), options.get("whole_lines", 200))


def refused(given: dict[str, Any], shown: Shown = SHOWN) -> tuple[str, ...]:
    with pytest.raises(NotAccepted) as caught:
        resolved(given, shown)
    return caught.value.errors


def test_an_edited_file_stands_whole_in_the_list_where_it_belongs() -> None:
    edits = [("app/a.py", "one\n", "1\n"), ("./app/a.py", "two\n", ""), ("tests/test_a.py", "three", "3")]
    found = resolved(answer(*edits, files=(code_file("app/new.py"),)))
    assert [(file["path"], file["content"]) for file in found["files"]] == [
        ("app/new.py", "x = 1\n"),
        ("app/a.py", "1\n"),
    ]
    assert [file["content"] for file in found["test_files"]] == ["3\n"]
    assert found["edits"] == []


def test_what_an_earlier_round_said_of_a_file_stays_beside_its_edit() -> None:
    earlier = answer() | {"migration_scripts": [code_file("app/a.py")]}
    found = resolved(answer(("app/a.py", "one", "1")), earlier=earlier)
    assert found["migration_scripts"] == [code_file("app/a.py", "1\ntwo\n")]


def test_a_file_that_was_not_shown_can_not_be_edited() -> None:
    [fault] = refused(answer(("app/b.py", "one", "1")))
    assert fault.startswith("app/b.py: it was not shown to you")
    assert "app/a.py" in fault


def test_every_fault_of_an_answer_is_told_at_once() -> None:
    faults = refused(
        answer(("app/a.py", "zero", "1"), ("app/b.py", "one", "1"), ("tests/test_a.py", "three", "three"))
    )
    assert [fault.split(":")[0] for fault in faults] == ["app/a.py", "app/b.py", "tests/test_a.py"]
    assert faults[2].endswith("the edits change nothing")


def test_a_long_file_whose_lines_mostly_stay_is_not_taken_whole() -> None:
    repeated = answer(files=(code_file("app/long.py", TEXTS["app/long.py"] + "y = 1\n"),))
    assert refused(repeated) == (
        "app/long.py: it has 300 lines, and most of them stay; change it by edits, not whole",
    )
    assert resolved(repeated, whole_lines=None)["files"] == repeated["files"]
    assert resolved(answer(files=(code_file("app/long.py", "y = 1\n"),)))["files"][0]["content"] == "y = 1\n"


def test_a_file_of_which_only_parts_are_known_is_edited_and_never_given_whole() -> None:
    shown = Shown(TEXTS, frozenset({"app/a.py"}))
    assert "parts of it only" in refused(answer(files=(code_file("app/a.py"),)), shown)[0]
    assert resolved(answer(("app/a.py", "one", "1")), shown)["files"][0]["content"] == "1\ntwo\n"


@pytest.mark.parametrize("path", ["./app/long.py", "app/./long.py", "././app/long.py"])
def test_another_spelling_of_a_path_gets_around_no_rule(path: str) -> None:
    whole = code_file(path, TEXTS["app/long.py"] + "y = 2\n")
    [fault] = refused(answer(files=(whole,)))
    assert "most of them stay" in fault
    found = resolved(answer((path, "x = 1\n" * 300, "z = 3\n")))
    assert [(file["path"], file["content"]) for file in found["files"]] == [("app/long.py", "z = 3\n")]
