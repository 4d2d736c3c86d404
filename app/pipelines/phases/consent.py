"""What a person has to agree to before the files of an answer are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.digests import digest, sha256
from app.llm.request import NotAccepted
from app.pipelines.phases.kind import Ask, Decided, PhaseContext, Waiting
from app.tables import WaitReason
from app.workspace.changes import Changes, FileChange, find_changes
from app.workspace.control import control_reason
from app.workspace.files import SourceFile, UnsafePath
from app.workspace.fileset import is_mass_change
from app.workspace.paths import fold
from app.workspace.repository import Repository

MOST_SHOWN = 200_000
"""Characters of a diff. What is longer is refused: nobody approves what can not be shown whole."""
NAMED = 10
"""So many files are named in words; the diff shows all."""


@dataclass(frozen=True)
class Matter:
    """What has to be agreed to, and why."""

    name: str
    why: str
    files: tuple[FileChange, ...]


async def announce(context: PhaseContext, repository: Repository, files: Sequence[SourceFile]) -> None:
    """Tells what all files of the run would change, and returns when they may be written.

    Raises `Waiting` until a person has decided about exactly these contents, `NotAccepted` once they were
    refused, so that the model answers anew with the comment in mind, and `UnsafePath` for a change that
    can not be shown whole.
    """
    changes = await find_changes(repository, context.base_commit or "", files)
    listed = [_as_json(file) for file in changes.files]
    await context.progress("changes", {"phase": context.spec.name, "files": listed})
    matter = _matter(changes)
    if matter is None:
        return
    _check_shown(matter)
    subject = f"{context.spec.name}:{matter.name}"
    content = _content(context, matter, files)
    asked = [one for one in context.decisions if (one.reason, one.subject) == (WaitReason.APPROVAL, subject)]
    decided = next((one for one in asked if one.content_sha256 == content), None)
    if decided is None:
        raise Waiting(_ask(context, matter, subject, len(asked), content))
    if not decided.granted:
        raise NotAccepted([_refusal(matter, decided)])


def _matter(changes: Changes) -> Matter | None:
    """A mass change is shown with all its files, so one approval is for its control files too."""
    changed = sum(not file.is_new for file in changes.files)
    if is_mass_change(changed, changes.tracked):
        why = f"it changes {changed} of {changes.tracked} files"
        return Matter("mass_change", why, changes.files)
    control = tuple(file for file in changes.files if control_reason(fold(file.path)))
    if not control:
        return None
    return Matter("control_files", f"it changes what tools run or obey: {_names(control)}", control)


def _check_shown(matter: Matter) -> None:
    long = next((file for file in matter.files if not file.is_whole), None)
    if long is not None or sum(len(file.diff) for file in matter.files) > MOST_SHOWN:
        raise UnsafePath(
            (long or matter.files[0]).path,
            "too_long_to_approve",
            f"{matter.why}, which needs an approval, and a change of more than {MOST_SHOWN:,} characters "
            "can not be looked at; make a smaller one",
        )


def _content(context: PhaseContext, matter: Matter, files: Sequence[SourceFile]) -> str:
    """Digest over the exact bytes of the files, and over what they stand on."""
    wanted = {file.path for file in matter.files}
    bodies = {file.path: sha256(file.data()) for file in files if file.path in wanted}
    return digest({"base_commit": context.base_commit, "files": bodies})


def _ask(context: PhaseContext, matter: Matter, subject: str, number: int, content: str) -> Ask:
    """Nobody's silence is a yes, whatever the limits of the phase say of a deadline."""
    details: dict[str, Any] = {
        "why": matter.why,
        "base_commit": context.base_commit,
        "files": [_as_json(file) for file in matter.files],
        "diff": "".join(file.diff for file in matter.files),
        "diff_is_cut": False,
    }
    return Ask(
        WaitReason.APPROVAL,
        subject,
        number,
        details,
        content_sha256=content,
        wait_s=context.spec.limits.wait_s,
    )


def _as_json(file: FileChange) -> dict[str, Any]:
    """One file of an event or an approval."""
    return {"path": file.path, "is_new": file.is_new, "added": file.added, "removed": file.removed}


def _refusal(matter: Matter, decided: Decided) -> str:
    said = f": {decided.comment}" if decided.comment else ""
    return f"approval_refused: {decided.by} did not approve the change of {_names(matter.files)}{said}"


def _names(files: Sequence[FileChange]) -> str:
    more = f" and {len(files) - NAMED} more" if len(files) > NAMED else ""
    return ", ".join(file.path for file in files[:NAMED]) + more
