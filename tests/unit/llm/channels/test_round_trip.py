"""What a channel writes it reads back to the last character, and a part of it never passes."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.artifacts.registry import schema
from app.edits.edit import Edit, apply_edits
from app.llm.channels import CHANNELS, channel
from app.llm.channels.edits import DIVIDER, REPLACE, SEARCH, read_edits
from app.llm.errors import InvalidAnswer
from tests.unit.llm.channels.deliverables import CONTENTS, deliverables

DELIVERABLE = schema("DeveloperDeliverable")
SCHEMA = DELIVERABLE.json_schema()
TYPED = st.lists(st.text("abcé `\t", max_size=6), min_size=1, max_size=6)


@given(deliverables())
def test_both_channels_give_back_the_same_deliverable(wanted: dict[str, Any]) -> None:
    for one in CHANNELS.values():
        assert one.read(one.write(wanted, SCHEMA), SCHEMA) == wanted


@given(
    deliverables(), st.sampled_from(["Here is the change:\n\n", "\n", "<think>```json</think>\n"]), st.data()
)
def test_a_cut_off_answer_yields_nothing(wanted: dict[str, Any], before: str, data: st.DataObject) -> None:
    text = before + channel("blocks").write(wanted, SCHEMA)
    end = len(text.rstrip("\n"))
    with pytest.raises(InvalidAnswer):
        channel("blocks").read(text[: data.draw(st.integers(0, end - 1))], SCHEMA)
    assert channel("blocks").read(text[:end], SCHEMA) == wanted


@given(deliverables(), CONTENTS, st.data())
def test_text_put_anywhere_changes_no_file_in_silence(
    wanted: dict[str, Any], more: str, data: st.DataObject
) -> None:
    """What is put inside a file changes that file alone; anywhere else it is refused or is no matter."""
    text = channel("blocks").write(wanted, SCHEMA)
    at = data.draw(st.integers(0, len(text)))
    with contextlib.suppress(InvalidAnswer):
        found = channel("blocks").read(text[:at] + more + text[at:], SCHEMA)
        was, now = ({f["path"]: f["content"] for f in _files(one)} for one in (wanted, found))
        assert sum(was.get(path) != content for path, content in now.items()) <= 1


@given(st.text() | CONTENTS)
def test_any_text_is_read_or_refused_and_never_another_error(text: str) -> None:
    for one in CHANNELS.values():
        with contextlib.suppress(InvalidAnswer):
            assert isinstance(one.read(text, SCHEMA), dict)


@given(TYPED, st.sampled_from(["\n", "\r\n"]), st.booleans(), TYPED, st.data())
def test_an_edit_of_a_line_that_stands_once_changes_that_line_alone(
    lines: list[str], ending: str, closed: bool, new: list[str], data: st.DataObject
) -> None:
    lines = ["first", *lines]  # one line alone does not say how lines end
    place = data.draw(st.integers(1, len(lines) - 1))
    lines[place] = "the only one"
    before = ending.join(lines) + ending * closed
    edit = Edit("the only one\n", "".join(f"{line}\n" for line in new))
    assert read_edits(f"{SEARCH}\n{edit.search}{DIVIDER}\n{edit.replace}{REPLACE}\n") == [edit]
    wanted = ending.join([*lines[:place], *new, *lines[place + 1 :]]) + ending * closed
    assert apply_edits(before, [edit]) == wanted


def _files(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Of a list under its own name; the schema refuses any other name, after the channel."""
    names = ("files", "test_files", "migration_scripts")
    return [file for name in names for file in document.get(name, ())]
