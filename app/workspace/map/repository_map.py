"""The map of one commit: what each file defines, from the cache or parsed, and the lines that are shown."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.usage.estimate import estimate_tokens
from app.workspace.git import GitError, git
from app.workspace.map.cache import cache_file, load, store
from app.workspace.map.languages import language_of
from app.workspace.map.outline import Key, Outline, Symbol
from app.workspace.map.parsing import Source, outlines
from app.workspace.map.ranking import ranked
from app.workspace.repository import LINK, SUBMODULE, Repository, TreeEntry
from app.workspace.textfiles import MAX_FILE_BYTES, looks_generated, refused_by_name, text_of

MAX_PARSED = 20_000
"""Files of one map; past that only the first by path."""
BATCH_BYTES = 32 * 1024 * 1024
MOST_SYMBOLS = 30
"""Of one file."""


@dataclass(frozen=True)
class RepositoryMap:
    """Outlines by path."""

    outlines: Mapping[str, Outline]
    parsed: int
    """Files that were in no cache."""

    @property
    def symbols(self) -> int:
        return sum(one.count for one in self.outlines.values())


@dataclass(frozen=True)
class MapLines:
    """What is shown of a map: lines of `path: signature; signature`, most wanted first."""

    lines: tuple[str, ...] = ()
    shown: int = 0
    total: int = 0
    """Symbols of the files that are not shown whole."""


async def repository_map(repo: Repository, entries: Sequence[TreeEntry], state_dir: Path) -> RepositoryMap:
    """The map of the files in `entries` that a model may see. Parses only what no cache has."""
    wanted = {entry.path: key for entry in entries if (key := _key(entry))}
    wanted = dict(list(wanted.items())[:MAX_PARSED])
    path = cache_file(state_dir, repo.common_dir)
    known = await asyncio.to_thread(load, path)
    sizes = {(entry.object, language_of(entry.path) or ""): entry.size for entry in entries}
    missing = list(dict.fromkeys(key for key in wanted.values() if key not in known))
    if missing:
        for batch in _batches(missing, sizes):
            known |= await _parse(repo, batch)
        await asyncio.to_thread(store, path, known, frozenset(wanted.values()))
    return RepositoryMap({one: known[key] for one, key in wanted.items() if key in known}, len(missing))


def map_lines(
    found: RepositoryMap,
    terms: Sequence[str],
    budget_tokens: int,
    *,
    named: Collection[str] = (),
    whole: Collection[str] = (),
) -> MapLines:
    """Within the budget; `whole` are files that are shown anyway. Computes up to half a second."""
    hidden = frozenset(whole)
    order = [path for path in ranked(found.outlines, terms, named) if path not in hidden]
    total = sum(found.outlines[path].count for path in order)
    lines: list[str] = []
    shown = 0
    for path in order:
        symbols = found.outlines[path].symbols[:MOST_SYMBOLS]
        if not symbols:
            continue
        line = f"{path}: {_signatures(symbols)}"
        budget_tokens -= estimate_tokens(json.dumps(line, ensure_ascii=False)) + 1
        if budget_tokens < 0:
            break
        lines.append(line)
        shown += len(symbols)
    return MapLines(tuple(lines), shown, total)


def _signatures(symbols: Sequence[Symbol]) -> str:
    """Methods stand behind their class, marked by a dot."""
    return "; ".join(("." if one.depth else "") + one.signature for one in symbols)


def _key(entry: TreeEntry) -> Key | None:
    """None: the file is not read, for the reasons that the baseline gives."""
    language = language_of(entry.path)
    if language is None or not entry.path.isprintable() or entry.mode in (LINK, SUBMODULE):
        return None
    if entry.size > MAX_FILE_BYTES or refused_by_name(entry.path):
        return None
    return entry.object, language


def _batches(keys: Sequence[Key], sizes: Mapping[Key, int]) -> list[list[Key]]:
    batches: list[list[Key]] = [[]]
    room = BATCH_BYTES
    for key in keys:
        if room < sizes[key] and batches[-1]:
            batches.append([])
            room = BATCH_BYTES
        batches[-1].append(key)
        room -= sizes[key]
    return batches


async def _parse(repo: Repository, keys: Sequence[Key]) -> dict[Key, Outline]:
    names = "".join(f"{blob}\n" for blob, _ in keys).encode()
    output = await git(repo.git, "cat-file", "--batch", stdin=names)
    sources = await asyncio.to_thread(_sources, keys, output)
    found = await outlines(sources)
    left = dict.fromkeys(keys, Outline())  # what is no text has an outline, too: an empty one
    for source in sources:
        del left[source.key]
    return left | found


def _sources(keys: Sequence[Key], output: bytes) -> list[Source]:
    """The texts, without binary and generated ones."""
    found, at = [], 0
    for blob, language in keys:
        end = output.index(b"\n", at)
        blob_id, *kind_and_size = output[at:end].decode().split()
        if len(kind_and_size) != 2:
            raise GitError(f"the repository lacks the object {blob_id}; `git fsck` says more")
        size = int(kind_and_size[1])
        data = output[end + 1 : end + 1 + size]
        at = end + 2 + size
        text = text_of(data)
        if text is not None and not looks_generated(text):
            found.append(Source(blob, language, data))
    return found
