"""The code of a run so far: what each round changed, merged by path."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from app.workspace.files import SourceFile, without_dots

CODE_SCHEMA = "DeveloperDeliverable"
CODE_ARTIFACT = "code"
LISTS = ("files", "test_files", "migration_scripts")


def files_of(code: dict[str, Any] | None) -> tuple[SourceFile, ...]:
    """Every file of a `DeveloperDeliverable`; none of None."""
    if code is None:
        return ()
    return tuple(SourceFile(file["path"], file["content"]) for name in LISTS for file in code.get(name, ()))


class CodeConflict(Exception):
    """Two answers hold different texts for one path."""

    def __init__(self, path: str, items: tuple[str, str]) -> None:
        super().__init__(path)
        self.path = path
        self.items = items


def join(answers: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The answers of several items as one, by path. Equal files are one. Raises `CodeConflict`."""
    owners: dict[str, tuple[str, str]] = {}
    joined: dict[str, Any] = {name: [] for name in LISTS} | {"edits": [], "dependencies": []}
    for item, answer in answers.items():
        for name in LISTS:
            for file in answer.get(name, ()):
                owner, content = owners.setdefault(_one_path(file["path"]), (item, file["content"]))
                if content != file["content"]:
                    raise CodeConflict(file["path"], (owner, item))
                if owner == item:
                    joined[name].append(file)
        joined["dependencies"] += answer["dependencies"]
    return {**joined, "dependencies": list(dict.fromkeys(joined["dependencies"]))}


def _one_path(path: str) -> str:
    """Names that are the same file on some file system."""
    return unicodedata.normalize("NFC", without_dots(path)).casefold()


def merge(earlier: dict[str, Any] | None, answer: dict[str, Any]) -> dict[str, Any]:
    """The earlier code with the answer's files in place of those with the same path.

    A rework answers with what it changes, not with everything again.
    """
    if earlier is None:
        return answer
    changed = {file["path"] for name in LISTS for file in answer.get(name, ())}
    merged = dict(answer)
    for name in LISTS:
        kept = [file for file in earlier.get(name, ()) if file["path"] not in changed]
        merged[name] = [*kept, *answer.get(name, ())]
    merged["dependencies"] = list(dict.fromkeys([*earlier["dependencies"], *answer["dependencies"]]))
    return merged
