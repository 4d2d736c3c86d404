"""What a model is shown of a repository: files of one commit within a budget, and what was left out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.usage.estimate import estimate_tokens, tokens_of_bytes
from app.workspace.files import SourceFile
from app.workspace.map.parts import Part
from app.workspace.map.repository_map import MapLines
from app.workspace.repository import (
    LINK,
    SUBMODULE,
    ReadBlob,
    Repository,
    TreeEntry,
    blob_reader,
    tracked_files,
)
from app.workspace.textfiles import MAX_FILE_BYTES, looks_generated, rank, refused_by_name, text_of

MAX_MAP = 2_000
MAX_LEFT_OUT = 200
MAP_SHARE, LEFT_OUT_SHARE = 0.25, 0.1
"""The parts of the budget that the list of paths and the list of what is missing may take at most."""
SYMBOLS_SHARE = 0.2
"""For the signatures of what is not shown, when not all files fit."""
PARTS_SHARE = 0.3
"""For parts of files that are asked for, when those do not fit."""
LEAST_SHARED = 1_000
"""A smaller budget, in tokens, goes to files alone."""


@dataclass(frozen=True)
class LeftOut:
    """A file that is not shown. Reasons: budget, huge, binary, generated, lock, vendored, secret, link,
    submodule, unreadable_name."""

    path: str
    reason: str
    tokens: int
    """What it would have cost, estimated."""


@dataclass(frozen=True)
class Reserved:
    """Tokens that files may not take."""

    symbols: int = 0
    parts: int = 0


@dataclass(frozen=True)
class Baseline:
    """The files shown, every tracked path, and what was left out, each in its order."""

    budget_tokens: int
    files: tuple[SourceFile, ...]
    map: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    reserved: Reserved = field(default_factory=Reserved)
    symbols: MapLines = field(default_factory=MapLines)
    parts: tuple[Part, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain JSON of about `budget_tokens` at most. `map` and `left_out` are cut; the totals are not."""
        paths = _cut(self.map, self.budget_tokens * MAP_SHARE, MAX_MAP)
        left = [{"path": one.path, "reason": one.reason, "tokens": one.tokens} for one in self.left_out]
        return {
            "files": [{"path": file.path, "content": file.content} for file in self.files],
            "map": paths,
            "map_total": len(self.map),
            "left_out": _cut(left, self.budget_tokens * LEFT_OUT_SHARE, MAX_LEFT_OUT),
            "left_out_total": len(self.left_out),
            "symbols": list(self.symbols.lines),
            "symbols_shown": self.symbols.shown,
            "symbols_total": self.symbols.total,
            "parts": [part.as_json() for part in self.parts],
        }

    def overlay(self, files: Sequence[SourceFile]) -> Baseline:
        """As the workspace is after `files` were written: they come first, others give way."""
        changed = {file.path for file in files}
        kept = [file for file in self.files if file.path not in changed]
        paths = tuple(sorted({*self.map, *changed}))
        budget = _file_budget(self.budget_tokens, paths) - self.reserved.symbols - self.reserved.parts
        shown: list[SourceFile] = []
        left = [one for one in self.left_out if one.path not in changed]
        for file in (*sorted(files, key=lambda f: f.path), *kept):
            cost = _cost(file)
            if cost <= budget:
                shown.append(file)
                budget -= cost
            else:
                left.append(LeftOut(file.path, "budget", estimate_tokens(file.content)))
        return replace(
            self,
            files=tuple(shown),
            map=paths,
            left_out=tuple(sorted(left, key=lambda one: one.path)),
        )


async def baseline_code(
    repo: Repository, commit: str, budget_tokens: int, *, first: Sequence[str] = (), changed_tokens: int = 0
) -> Baseline:
    """The baseline of a commit; `first` are paths to show before all others. Same input, same answer.

    `changed_tokens` is what the files of the run take, which come over it.
    """
    entries = await tracked_files(repo, commit)
    wanted = {path.removeprefix("./"): n for n, path in enumerate(first)}
    paths = tuple(sorted(entry.path for entry in entries if entry.path.isprintable()))
    # names are judged in a thread: with many thousand files that is computing the event loop should not do
    candidates, left = await asyncio.to_thread(_judge, entries, wanted)
    budget = _file_budget(budget_tokens, paths)
    reserved = _reserve(budget, candidates, wanted, changed_tokens)
    budget -= reserved.symbols + reserved.parts
    shown: list[SourceFile] = []
    async with blob_reader(repo) as read:
        for entry in candidates:
            found = await _look(entry, budget, read)
            if isinstance(found, SourceFile):
                shown.append(found)
                budget -= _cost(found)
            else:
                left.append(found)
    return Baseline(
        budget_tokens,
        tuple(shown),
        paths,
        tuple(sorted(left, key=lambda one: one.path)),
        reserved,
    )


def _reserve(
    budget: int, candidates: Sequence[TreeEntry], wanted: Collection[str], changed_tokens: int
) -> Reserved:
    """Nothing where all files fit: a small repository is shown whole."""
    if budget < LEAST_SHARED:
        return Reserved()
    asked = changed_tokens + sum(tokens_of_bytes(one.size) for one in candidates if one.path in wanted)
    everything = changed_tokens + sum(tokens_of_bytes(one.size) for one in candidates)
    symbols = int(budget * SYMBOLS_SHARE) if everything > budget else 0
    parts = int(budget * PARTS_SHARE) if asked > budget - symbols else 0
    return Reserved(symbols, parts)


def _judge(entries: Sequence[TreeEntry], wanted: dict[str, int]) -> tuple[list[TreeEntry], list[LeftOut]]:
    """The files that may be shown, in their order, and those that may not."""
    left = []
    ranked = []
    for entry in entries:
        reason = _reason(entry)
        if reason is None:
            place = (wanted.get(entry.path, len(wanted)), rank(entry.path), entry.size, entry.path)
            ranked.append((place, entry))
        else:
            shown = entry.path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            left.append(LeftOut(shown, reason, tokens_of_bytes(entry.size)))
    return [entry for _, entry in sorted(ranked, key=lambda pair: pair[0])], left


async def _look(entry: TreeEntry, budget: int, read: ReadBlob) -> SourceFile | LeftOut:
    tokens = tokens_of_bytes(entry.size)
    if tokens > budget:
        return LeftOut(entry.path, "budget", tokens)
    text = text_of(await read(entry.object))
    if text is None:
        return LeftOut(entry.path, "binary", tokens)
    if looks_generated(text):
        return LeftOut(entry.path, "generated", tokens)
    file = SourceFile(entry.path, text)
    return file if _cost(file) <= budget else LeftOut(entry.path, "budget", tokens)


def _reason(entry: TreeEntry) -> str | None:
    if not entry.path.isprintable():
        return "unreadable_name"
    if entry.mode in (LINK, SUBMODULE):
        return "link" if entry.mode == LINK else "submodule"
    return refused_by_name(entry.path) or ("huge" if entry.size > MAX_FILE_BYTES else None)


def _file_budget(budget_tokens: int, paths: Sequence[str]) -> int:
    """What is left for files beside the list of paths, which takes its share or less."""
    listed = estimate_tokens(json.dumps(paths, ensure_ascii=False)) + len(paths)
    return int(budget_tokens * (1 - LEFT_OUT_SHARE) - min(listed, budget_tokens * MAP_SHARE))


def _cost(file: SourceFile) -> int:
    """Tokens of the file as it stands in the prompt: its path and its content as a JSON string."""
    return estimate_tokens(json.dumps([file.path, file.content], ensure_ascii=False)) + 8


def _cut(items: Iterable[Any], budget: float, most: int) -> list[Any]:
    """The first items within both limits."""
    kept: list[Any] = []
    for item in items:
        budget -= estimate_tokens(json.dumps(item, ensure_ascii=False)) + 1
        if budget < 0 or len(kept) == most:
            break
        kept.append(item)
    return kept
