"""What a phase showed of the repository, and its answer resolved by it."""

from __future__ import annotations

import asyncio

from app.pipelines.code import files_of
from app.pipelines.edited import Shown, whole_files
from app.pipelines.phases.kind import JSON, PhaseContext
from app.pipelines.phases.repository import repository_of
from app.workspace.repository import read_file


async def shown_of(context: PhaseContext, baseline: JSON) -> Shown:
    """The texts of the files in `baseline`, those that it has in part read whole from the run or its base."""
    if baseline is None or context.spec.apply != "workspace":
        return Shown()
    texts = {file["path"]: file["content"] for file in baseline["files"]}
    in_part = frozenset(part["path"] for part in baseline.get("parts", ())) - texts.keys()
    for path in sorted(in_part):
        texts[path] = await _text(context, path)
    return Shown(texts, in_part)


async def resolved(context: PhaseContext, shown: Shown, answer: JSON) -> JSON:
    """The answer with whole files in place of its edits. Raises `NotAccepted`."""
    earlier = context.artifacts.get(context.spec.artifact or "")
    return await asyncio.to_thread(whole_files, answer, shown, earlier, context.spec.limits.whole_lines)


async def _text(context: PhaseContext, path: str) -> str:
    written = {file.path: file.content for file in files_of(context.artifacts.get("code"))}
    if path in written or context.project is None or context.base_commit is None:
        return written.get(path, "")
    data = await read_file(await repository_of(context.project), context.base_commit, path)
    return data.decode("utf-8")
