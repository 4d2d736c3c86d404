"""Code in fenced blocks beside a JSON manifest: nothing is escaped; edits stand in blocks, too."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from app.llm.channels.edits import DIVIDER, EDIT, REPLACE, SEARCH, read_edit_blocks, write_edit_blocks
from app.llm.channels.fences import BadFence, Block, read_blocks, write_block
from app.llm.channels.manifest import CONTENT, PATH, edit_list, entries, file_lists, manifest_schema
from app.llm.errors import InvalidAnswer
from app.llm.parser import without_thinking
from app.llm.strict_json import MAX_CHARS, BadJSON, loads
from app.llm.types import JSON

WHOLE = "file"
OPEN = "file-without-final-newline"
MAX_FAULTS = 20
"""Lines of one refusal: a model reads them again, so they are few."""


class Blocks:
    name = "blocks"
    constrained = False

    def instructions(self, schema: Mapping[str, JSON]) -> str:
        form = json.dumps(manifest_schema(schema), ensure_ascii=False)
        lists = ", ".join(file_lists(schema))
        told = _INSTRUCTIONS + (_EDITS if edit_list(schema) else "") + _SCHEMA
        return told.replace("LISTS", lists).replace("SCHEMA", form)

    def read(self, text: str, schema: Mapping[str, JSON]) -> JSON:
        lists, edits = file_lists(schema), edit_list(schema)
        document, bodies = _parts(text)
        faults: list[str] = []
        changed = read_edit_blocks([block for block in bodies if _is_edit(block)], faults)
        texts = _texts([block for block in bodies if not _is_edit(block)], changed, faults)
        if edits is None and changed:
            faults.append("edits are not known here: give whole files")
        elif edits is not None:
            _put_edits(document, lists, edits, changed, faults)
        _fill(document, lists, texts, faults)
        if faults:
            raise _invalid(faults)
        return document

    def write(self, document: Mapping[str, JSON], schema: Mapping[str, JSON]) -> str:
        lists, name_of_edits = file_lists(schema), edit_list(schema)
        edits = document.get(name_of_edits or "", ())
        bare = {
            name: [_bare(entry) for entry in value] if name in lists else value
            for name, value in document.items()
            if name != name_of_edits
        }
        found = [f"```json\n{json.dumps(bare, ensure_ascii=False)}\n```\n"]
        for _, entry in entries(document, lists):
            content = entry[CONTENT]
            kind, end = (WHOLE, "") if not content or content.endswith("\n") else (OPEN, "\n")
            found.append(write_block(f"{kind} {entry[PATH]}", content + end))
        return "\n".join(found + write_edit_blocks(edits))


_INSTRUCTIONS = f"""Output first the manifest, then one block per file, and nothing behind or between them.
The manifest is one JSON object in a block fenced by ```json. It lists every file of LISTS without its text.
Each file that the manifest lists has exactly one block, in any order, with its path as the manifest has it:
````{WHOLE} folder/name.py
the whole file, raw, nothing escaped
````
Use four backticks, or more if a line of the file begins with four. Write `{OPEN}` instead of
`{WHOLE}` only if the file's last line shall have no line break.
"""
_EDITS = f"""A file that you were shown is changed by edits instead, and stands in no list of the manifest. A
search text is whole lines as they were shown, whatever your other edits do, and must stand in the file
exactly once; give as few lines as make it so:
````{EDIT} folder/name.py
{SEARCH}
lines as they are
{DIVIDER}
lines as they shall be
{REPLACE}
````
"""
_SCHEMA = "Schema of the manifest: SCHEMA"


def _parts(text: str) -> tuple[dict[str, Any], Sequence[Block]]:
    """The manifest, and the blocks behind it."""
    if len(text) > MAX_CHARS:
        raise _invalid([f"{len(text):,} characters; at most {MAX_CHARS:,} are read"])
    if "\0" in text or not _is_unicode(text):
        raise _invalid(["a NUL or a lone surrogate is not allowed"])
    try:
        blocks = read_blocks(without_thinking(text.removeprefix("\ufeff")))
        if not blocks or blocks[0].info != "json":
            raise _invalid(["the answer does not begin with a manifest in a block fenced by ```json"])
        document = loads(blocks[0].body)
    except BadFence as fault:
        raise _invalid([str(fault)]) from None
    except BadJSON as fault:
        raise _invalid([f"manifest: {fault}"]) from None
    if not isinstance(document, dict):
        raise _invalid(["manifest: it is no JSON object"])
    return document, blocks[1:]


def _is_edit(block: Block) -> bool:
    kind, _, path = block.info.partition(" ")
    return kind == EDIT and bool(path.strip())


def _put_edits(
    document: dict[str, Any],
    lists: list[str],
    name: str,
    changed: Mapping[str, list[dict[str, str]]],
    faults: list[str],
) -> None:
    """The edits go to their list. An entry that the manifest has for such a file all the same is no file."""
    if document.get(name):
        faults.append(f"{name}: edits stand in the manifest; each belongs in a block `{EDIT} path`")
    document[name] = [edit for edits in changed.values() for edit in edits]
    for listed in (document.get(one) for one in lists):
        if isinstance(listed, list):
            listed[:] = [entry for entry in listed if not _names_one_of(entry, changed)]


def _names_one_of(entry: Any, paths: Collection[str]) -> bool:
    return isinstance(entry, dict) and CONTENT not in entry and str(entry.get(PATH)) in paths


def _texts(blocks: Sequence[Block], changed: Collection[str], faults: list[str]) -> dict[str, str | None]:
    """Path → text of every block; None for one that is at fault already."""
    found: dict[str, str | None] = {}
    for block in blocks:
        kind, _, path = block.info.partition(" ")
        path = path.strip()
        if kind not in (WHOLE, OPEN) or not path:
            faults.append(f"line {block.line}: a block opens with `{WHOLE} path` or `{EDIT} path`")
        elif path in found or path in changed:
            faults.append(f"{path}: it has more than one block")
        elif kind == OPEN and not block.body.removesuffix("\n"):
            found[path] = None
            faults.append(f"{path}: an empty file is written as `{WHOLE}`")
        else:
            found[path] = block.body.removesuffix("\n") if kind == OPEN else block.body
    return found


def _fill(
    document: dict[str, Any], lists: list[str], texts: Mapping[str, str | None], faults: list[str]
) -> None:
    """Put every text into its entry; entries without a block and blocks without an entry are faults."""
    seen: dict[str, str] = {}
    for place, entry in entries(document, lists):
        path = entry.get(PATH) if isinstance(entry, dict) else None
        if not isinstance(path, str):
            faults.append(f"{place}: an entry of the manifest is an object with a {PATH}")
        elif CONTENT in entry:
            faults.append(
                f"{place}: {CONTENT} stands in the manifest; it belongs in the block of {path[:200]}"
            )
        elif (twin := seen.get(path.casefold())) is not None:
            faults.append(f"{place}: {path[:200]} stands in the manifest twice (as {twin[:200]})")
        elif path not in texts:
            faults.append(f"{place}: {path[:200]} has no block")
        else:
            entry[CONTENT] = texts[path]
        if isinstance(path, str):
            seen.setdefault(path.casefold(), path)
    faults += [
        f"{path[:200]}: it has a block but no entry in the manifest"
        for path in texts
        if path not in seen.values()
    ]


def _bare(entry: Mapping[str, JSON]) -> dict[str, JSON]:
    return {name: value for name, value in entry.items() if name != CONTENT}


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _invalid(faults: Sequence[str]) -> InvalidAnswer:
    lines = tuple(faults[:MAX_FAULTS])
    if len(faults) > MAX_FAULTS:
        lines += (f"answer: {len(faults) - MAX_FAULTS} more faults",)
    return InvalidAnswer(f"the answer is not a manifest with its files: {lines[0]}", errors=lines)
