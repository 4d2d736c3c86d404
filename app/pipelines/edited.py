"""Turns an answer with edits into whole files, by what the model was shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.edits.edit import BadEdit, Edit, apply_edits
from app.edits.rewrite import repeats
from app.llm.request import NotAccepted
from app.pipelines.code import LISTS
from app.workspace.files import without_dots
from app.workspace.textfiles import is_test

_LISTS_OF_A_FILE = ("imports", "classes", "functions", "tests_required")


@dataclass(frozen=True)
class Shown:
    """What the model that answers was shown of the files as they are."""

    texts: Mapping[str, str] = field(default_factory=dict)
    """Path → the whole text, of each file that it was shown whole or in part."""
    in_part: frozenset[str] = frozenset()
    """Of them those that it does not know whole."""


def whole_files(
    answer: Mapping[str, Any], shown: Shown, earlier: Mapping[str, Any] | None, whole_lines: int | None
) -> dict[str, Any]:
    """The answer with a whole file in place of each edited one. Raises `NotAccepted` with every fault.

    `earlier` is the code of the run so far, `whole_lines` the lines of a file that may be repeated at most.
    Computes: a large answer takes a second, so call it in a thread.
    """
    faults = [fault for file in _files(answer) if (fault := _repetition(file, shown, whole_lines))]
    found: dict[str, Any] = {**answer, "edits": []}
    for path, edits in _by_path(answer).items():
        try:
            content = _edited(path, edits, shown)
        except BadEdit as fault:
            faults.append(f"{path}: {fault}")
        else:
            name, entry = _entry(path, content, earlier)
            found[name] = [*found.get(name, ()), entry]
    if faults:
        raise NotAccepted(faults)
    return found


def _edited(path: str, edits: list[Edit], shown: Shown) -> str:
    if path not in shown.texts:
        known = ", ".join(sorted(shown.texts)[:20]) or "none"
        raise BadEdit(f"it was not shown to you, so it can not be edited; shown were: {known}")
    content = apply_edits(shown.texts[path], edits)
    if content == shown.texts[path]:
        raise BadEdit("the edits change nothing")
    return content


def _repetition(file: Mapping[str, Any], shown: Shown, whole_lines: int | None) -> str | None:
    path = without_dots(file["path"])
    if path not in shown.texts:
        return None
    before = shown.texts[path]
    if path in shown.in_part:
        return f"{path}: you were shown parts of it only, so it can not be given whole; change it by edits"
    if whole_lines is not None and repeats(before, file["content"], whole_lines):
        lines = before.count("\n")
        return f"{path}: it has {lines:,} lines, and most of them stay; change it by edits, not whole"
    return None


def _by_path(answer: Mapping[str, Any]) -> dict[str, list[Edit]]:
    found: dict[str, list[Edit]] = {}
    for edit in answer.get("edits", ()):
        path = without_dots(edit["path"])
        found.setdefault(path, []).append(Edit(edit["search"], edit["replace"]))
    return found


def _entry(path: str, content: str, earlier: Mapping[str, Any] | None) -> tuple[str, dict[str, Any]]:
    """The list where the file belongs, and what stands in it: what an earlier round said of it stays."""
    for name in LISTS:
        for file in (earlier or {}).get(name, ()):
            if file["path"] == path:
                return name, {**file, "content": content}
    about: dict[str, Any] = {one: [] for one in _LISTS_OF_A_FILE}
    return "test_files" if is_test(path) else "files", {"path": path, "content": content, **about}


def _files(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [file for name in LISTS for file in answer.get(name, ())]
