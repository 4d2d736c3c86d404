"""What a model is told about blocks, and how each fault is named."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from app.artifacts.registry import schema, schema_names
from app.errors import NotFound
from app.llm.channels import channel
from app.llm.channels.edits import MAX_EDITS
from app.llm.channels.fences import MAX_BLOCKS
from app.llm.channels.manifest import file_lists, manifest_schema
from app.llm.dialects.dialect import UnsupportedSchema
from app.llm.errors import InvalidAnswer
from tests.unit.llm.channels.deliverables import code_file

DELIVERABLE = schema("DeveloperDeliverable")
SCHEMA = DELIVERABLE.json_schema()


def answer(*blocks: str, paths: list[Any] | None = None, **more: Any) -> str:
    listed = [{"path": path} if isinstance(path, str) else path for path in paths or []]
    return "\n".join([f"```json\n{json.dumps({'files': listed} | more)}\n```", *blocks])


def edit(path: str, search: str, replace: str) -> str:
    return f"````edit {path}\n<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n````"


def read(text: str) -> dict[str, str]:
    found = channel("blocks").read(text, SCHEMA)
    return {entry["path"]: entry["content"] for entry in found["files"]}


def refused(text: str) -> str:
    with pytest.raises(InvalidAnswer) as caught:
        read(text)
    assert all("\n" not in line and len(line) < 600 for line in caught.value.errors)
    return "\n".join(caught.value.errors)


def test_a_document_in_blocks_is_a_valid_deliverable() -> None:
    wanted = {
        "files": [code_file("app/a.py", 'print("\\n")\n'), code_file("README.md", "# A\n````\nx\n````\n")],
        "dependencies": [],
        "test_files": [code_file("tests/test_a.py", "")],
        "migration_scripts": [],
        "edits": [{"path": "app/b.py", "search": "x = 1\n", "replace": ""}],
    }
    text = channel("blocks").write(wanted, SCHEMA)
    assert '\n````file app/a.py\nprint("\\n")\n````\n' in text
    assert "\n`````file README.md\n" in text
    assert DELIVERABLE.validate(channel("blocks").read(text, SCHEMA)) == wanted


def test_the_model_is_told_the_schema_of_the_manifest_without_the_text_of_files() -> None:
    told = channel("blocks").instructions(SCHEMA)
    assert "files, test_files, migration_scripts" in told
    assert '"content"' not in told
    assert '"search"' not in told
    assert manifest_schema(SCHEMA)["properties"]["files"]["items"]["required"] == [
        "path",
        "imports",
        "classes",
        "functions",
        "tests_required",
    ]
    assert "$defs" not in manifest_schema(SCHEMA)


def test_the_example_in_the_instructions_can_be_read() -> None:
    told = channel("blocks").instructions(SCHEMA)
    start, end = told.index("````file"), told.index("Use four")
    path = "folder/name.py"
    assert read(answer(told[start:end], paths=[path])) == {path: "the whole file, raw, nothing escaped\n"}


def test_a_schema_without_files_is_refused_with_the_way_out() -> None:
    with pytest.raises(UnsupportedSchema, match="use the channel json"):
        channel("blocks").instructions(schema("QADeliverable").json_schema())
    assert [name for name in schema_names() if _has_files(name)] == [
        "CodeDeliverable",
        "DeveloperDeliverable",
    ]


def _has_files(name: str) -> bool:
    try:
        return bool(file_lists(schema(name).json_schema()))
    except UnsupportedSchema:
        return False


def test_an_unknown_channel_is_refused_with_the_names() -> None:
    with pytest.raises(NotFound, match="blocks, json"):
        channel("xml")


def test_words_before_the_manifest_do_not_matter() -> None:
    assert read("Sure.\n\n" + answer("````file a.py\nx\n````", paths=["a.py"])) == {"a.py": "x\n"}


def test_a_file_without_a_final_line_break_says_so() -> None:
    assert read(answer("````file-without-final-newline a\nx\n````", paths=["a"])) == {"a": "x"}
    assert "empty file" in refused(answer("````file-without-final-newline a\n````", paths=["a"]))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "does not begin with a manifest"),
        ("No.", "does not begin with a manifest"),
        (json.dumps({"files": []}), "does not begin with a manifest"),
        ("````file a\nx\n````", "does not begin with a manifest"),
        ("```json\n[1]\n```", "manifest: it is no JSON object"),
        ('```json\n{"files": [}\n```', "manifest: line 1"),
        ('```json\n{"files": []', "line 1: the block 'json' is not closed"),
        (answer("````file a\nx\n", paths=["a"]), "line 4: the block 'file a' is not closed"),
        (answer("````file a\nx\n```", paths=["a"]), "not closed"),
        (answer("````file a\nx\n`````", paths=["a"]), "not closed"),
        (answer("````file a\nx\n````\nDone!", paths=["a"]), "line 7: text outside the blocks: 'Done!'"),
        (answer("````file a\n````\nx\n````\n````", paths=["a"]), "text outside the blocks"),
        (answer("````file a\n````py\nx\n````\n````", paths=["a"]), "not closed"),
        (answer(paths=["a"]), "files.0: a has no block"),
        (answer("````file a\nx\n````"), "a: it has a block but no entry in the manifest"),
        (answer("````file a\n````", "````file a\n````", paths=["a"]), "a: it has more than one block"),
        (answer("````file a\n````", paths=["a", "a"]), "files.1: a stands in the manifest twice"),
        (answer("````file a\n````", "````file A\n````", paths=["a", "A"]), "A stands in the manifest twice"),
        (answer("````file a\n````", paths=["a"], test_files=[{"path": "a"}]), "test_files.0: a stands in"),
        (answer("````python\n````"), "a block opens with `file path`"),
        (answer("````file \n````"), "a block opens with `file path`"),
        (answer(paths=[3]), "files.0: an entry of the manifest is an object with a path"),
        (answer(paths=[{"path": None}]), "files.0: an entry of the manifest is an object with a path"),
        (answer(paths=[{"path": "a", "content": "x"}]), "content stands in the manifest"),
        (answer("````file a\n\0\n````", paths=["a"]), "NUL"),
        (answer("````file a\n\ud800\n````", paths=["a"]), "surrogate"),
        (answer(*["````file a\n````"] * MAX_BLOCKS), f"{MAX_BLOCKS + 1} blocks; at most {MAX_BLOCKS}"),
        ("x" * 4_000_001, "characters; at most"),
    ],
)  # fmt: skip
def test_each_fault_of_the_form_is_named(text: str, fault: str) -> None:
    assert fault in refused(text)


@pytest.mark.parametrize(
    ("block", "fault"),
    [
        (edit("app/b.py", "one\n", "=======\n"), "edit 1: '=======' stands where it can not"),
        ("````edit app/b.py\none\n````", "edit 1: text outside"),
        ("````edit app/b.py\n````", "0 edits"),
        ("````edit app/b.py\n<<<<<<< SEARCH\none\n=======\n````", "edit 1 is not complete"),
        ("````edit app/b.py\n<<<<<<< SEARCH\none\n>>>>>>> REPLACE\n````", "stands where it can not"),
        (
            edit("app/b.py", "one\n", "").removesuffix("````")
            + "<<<<<<< SEARCH\none\n=======\n>>>>>>> REPLACE\n" * MAX_EDITS
            + "````",
            f"{MAX_EDITS + 1} edits",
        ),
    ],
)  # fmt: skip
def test_each_fault_of_an_edit_is_named(block: str, fault: str) -> None:
    assert fault in refused(answer(block))


def test_edits_come_back_as_they_are_for_whoever_knows_the_files() -> None:
    text = answer(edit("app/b.py", "one\n", "two\n"), "````file a.py\nx\n````", paths=["a.py"])
    found = channel("blocks").read(text, SCHEMA)
    assert found["files"] == [{"path": "a.py", "content": "x\n"}]
    assert found["edits"] == [{"path": "app/b.py", "search": "one\n", "replace": "two\n"}]


def test_an_edited_file_that_the_manifest_lists_all_the_same_is_no_whole_file() -> None:
    found = channel("blocks").read(answer(edit("b.py", "one\n", ""), paths=["b.py"]), SCHEMA)
    assert (found["files"], len(found["edits"])) == ([], 1)


def test_a_file_is_given_whole_or_by_edits_and_not_both() -> None:
    text = answer(edit("b.py", "one\n", ""), "````file b.py\nx\n````", paths=["b.py"])
    assert "b.py: it has more than one block" in refused(text)
    assert "edits stand in the manifest" in refused(answer("````file a\n````", paths=["a"], edits=[{}]))


def test_a_schema_without_edits_is_told_nothing_of_them() -> None:
    form = copy.deepcopy(SCHEMA)
    del form["properties"]["edits"]
    assert "SEARCH" not in channel("blocks").instructions(form)
    with pytest.raises(InvalidAnswer, match="give whole files"):
        channel("blocks").read(answer(edit("b.py", "one\n", "")), form)


def test_every_fault_is_told_at_once_but_not_without_end() -> None:
    lines = refused(answer("````edit app/b.py\n````", paths=["a", "b"])).split("\n")
    assert lines == [
        f"app/b.py: 0 edits; a block holds 1 to {MAX_EDITS}",
        "files.0: a has no block",
        "files.1: b has no block",
    ]
    assert refused(answer(paths=[f"{n}.py" for n in range(30)])).split("\n")[-1] == "answer: 10 more faults"
