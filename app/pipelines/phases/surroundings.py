"""What a phase shows of the repository: files, signatures of the others, parts of what is too long."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from app.pipelines.code import files_of
from app.pipelines.failures import files_involved
from app.pipelines.phases.kind import JSON, PhaseContext
from app.pipelines.phases.repository import repository_of
from app.usage.estimate import estimate_tokens
from app.workspace.baseline import Baseline, baseline_code
from app.workspace.files import SourceFile
from app.workspace.map.parts import parts_of
from app.workspace.map.ranking import terms_of
from app.workspace.map.repository_map import map_lines, repository_map
from app.workspace.repository import Repository, read_file, tracked_files

NOTHING = Baseline(0, (), (), ())


async def baseline_of(context: PhaseContext, budget_tokens: int, state_dir: Path) -> JSON:
    """Repository text within the budget, with the files of the run over it. Tells what was left out."""
    if context.project is None or context.base_commit is None:
        return NOTHING.as_json()
    repository = await repository_of(context.project)
    written = files_of(context.artifacts.get("code"))
    first = _first(context)
    found = await baseline_code(
        repository,
        context.base_commit,
        budget_tokens,
        first=first,
        changed_tokens=sum(estimate_tokens(file.content) for file in written),
    )
    found = found.overlay(written)
    found = await _with_symbols(context, repository, found, first, state_dir)
    found = await _with_parts(context, repository, found, [*(file.path for file in written), *first])
    body = found.as_json()
    await context.progress(
        "context",
        {
            "phase": context.spec.name,
            "files": [file["path"] for file in body["files"]],
            "left_out": body["left_out_total"],
            "paths": {"shown": len(body["map"]), "total": body["map_total"]},
            "symbols": {"shown": body["symbols_shown"], "total": body["symbols_total"]},
            "parts": [f"{one['path']}:{one['first_line']}-{one['last_line']}" for one in body["parts"]],
        },
    )
    return body


async def _with_symbols(
    context: PhaseContext, repository: Repository, found: Baseline, first: Sequence[str], state_dir: Path
) -> Baseline:
    if not found.reserved.symbols:
        return found
    entries = await tracked_files(repository, context.base_commit or "")
    whole = [file.path for file in found.files]
    mapped = await repository_map(repository, entries, state_dir)
    lines = await asyncio.to_thread(
        map_lines, mapped, _terms(context), found.reserved.symbols, named=[*whole[:20], *first], whole=whole
    )
    return replace(found, symbols=lines)


async def _with_parts(
    context: PhaseContext, repository: Repository, found: Baseline, asked: Sequence[str]
) -> Baseline:
    """Parts of the files that were asked for and did not fit."""
    too_long = {one.path for one in found.left_out if one.reason == "budget"}
    paths = [path for path in dict.fromkeys(asked) if path in too_long]
    if not found.reserved.parts or not paths:
        return found
    written = {file.path: file.content for file in files_of(context.artifacts.get("code"))}
    texts = []
    for path in paths:
        if path not in written:
            data = await read_file(repository, context.base_commit or "", path)
            written[path] = data.decode("utf-8", "replace")
        texts.append(SourceFile(path, written[path]))
    return replace(found, parts=tuple(await parts_of(texts, _terms(context), found.reserved.parts)))


def _first(context: PhaseContext) -> list[str]:
    """Files that have to be seen: where tests failed, then those that the architect names."""
    components = context.artifacts.get("architecture", {}).get("components", ())
    own = context.item.body if context.item else None  # the files of the item that is asked for come first
    named = [part["file_path"] for part in sorted(components, key=lambda part: part != own)]
    involved = files_involved(context.artifacts.get("test_results")) if context.reworks else []
    return [path.removeprefix("./") for path in (*involved, *named)]


def _terms(context: PhaseContext) -> list[str]:
    """Words of the epic, of the design's names, and of what was found wrong."""
    components = context.artifacts.get("architecture", {}).get("components", ())
    names = [part["name"] for part in components]
    names += [method["name"] for part in components for method in part.get("public_interface", ())]
    issues = [issue["text"][:300] for issue in context.issues]
    return terms_of(" ".join([*names, context.epic_description[:4_000], *issues]))
