"""The code of a run so far: what each round changed, merged by path."""

from __future__ import annotations

from typing import Any

from app.workspace.files import SourceFile

CODE_SCHEMA = "DeveloperDeliverable"
CODE_ARTIFACT = "code"
LISTS = ("files", "test_files", "migration_scripts")


def files_of(code: dict[str, Any] | None) -> tuple[SourceFile, ...]:
    """Every file of a `DeveloperDeliverable`; none of None."""
    if code is None:
        return ()
    return tuple(SourceFile(file["path"], file["content"]) for name in LISTS for file in code.get(name, ()))


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
