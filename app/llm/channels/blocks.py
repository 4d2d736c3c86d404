"""Code in fenced blocks beside a JSON manifest: nothing is escaped, and edits need not repeat a file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from app.llm.channels.edits import BadEdit, apply_edits, read_edits
from app.llm.channels.fences import BadFence, Block, read_blocks, write_block
from app.llm.channels.manifest import CONTENT, PATH, entries, file_lists, manifest_schema
from app.llm.errors import InvalidAnswer
from app.llm.parser import without_thinking
from app.llm.strict_json import MAX_CHARS, BadJSON, loads
from app.llm.types import JSON

WHOLE = "file"
OPEN = "file-without-final-newline"
EDIT = "edit"
MAX_FAULTS = 20
"""Lines of one refusal: a model reads them again, so they are few."""


class Blocks:
    name = "blocks"
    constrained = False

    def instructions(self, schema: Mapping[str, JSON]) -> str:
        form = json.dumps(manifest_schema(schema), ensure_ascii=False)
        lists = ", ".join(file_lists(schema))
        return _INSTRUCTIONS.replace("LISTS", lists).replace("SCHEMA", form)

    def read(self, text: str, schema: Mapping[str, JSON], existing: Mapping[str, str]) -> JSON:
        lists = file_lists(schema)
        document, bodies = _parts(text)
        faults: list[str] = []
        texts = _texts(bodies, existing, faults)
        _fill(document, lists, texts, faults)
        if faults:
            raise _invalid(faults)
        return document

    def write(self, document: Mapping[str, JSON], schema: Mapping[str, JSON]) -> str:
        lists = file_lists(schema)
        bare = {
            name: [_bare(entry) for entry in value] if name in lists else value
            for name, value in document.items()
        }
        found = [f"```json\n{json.dumps(bare, ensure_ascii=False)}\n```\n"]
        for _, entry in entries(document, lists):
            content = entry[CONTENT]
            kind, end = (WHOLE, "") if not content or content.endswith("\n") else (OPEN, "\n")
            found.append(write_block(f"{kind} {entry[PATH]}", content + end))
        return "\n".join(found)


_INSTRUCTIONS = f"""Output first the manifest, then one block per file, and nothing behind or between them.
The manifest is one JSON object in a block fenced by ```json. It lists every file of LISTS without its text.
Each file that the manifest lists has exactly one block, in any order, with its path as the manifest has it:
````{WHOLE} folder/name.py
the whole file, raw, nothing escaped
````
Use four backticks, or more if a line of the file begins with four. Write `{OPEN}` instead of
`{WHOLE}` only if the file's last line shall have no line break.
A file that you were shown may be changed by edits instead. Each search text is whole lines as they are
now, and must stand in the file exactly once:
````{EDIT} folder/name.py
<<<<<<< SEARCH
lines as they are
=======
lines as they shall be
>>>>>>> REPLACE
````
Schema of the manifest: SCHEMA"""


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


def _texts(blocks: Sequence[Block], existing: Mapping[str, str], faults: list[str]) -> dict[str, str | None]:
    """Path → text of every block; None for one that is at fault already."""
    found: dict[str, str | None] = {}
    for block in blocks:
        kind, _, path = block.info.partition(" ")
        path = path.strip()
        if kind not in (WHOLE, OPEN, EDIT) or not path:
            faults.append(f"line {block.line}: a block opens with `{WHOLE} path` or `{EDIT} path`")
        elif path in found:
            faults.append(f"{path}: it has more than one block")
        else:
            try:
                found[path] = _text(kind, path, block.body, existing)
            except BadEdit as fault:
                found[path] = None
                faults.append(f"{path}: {fault}")
    return found


def _text(kind: str, path: str, body: str, existing: Mapping[str, str]) -> str:
    if kind == EDIT:
        if path not in existing:
            raise BadEdit("there is no such file to edit; give the whole file")
        return apply_edits(existing[path], read_edits(body))
    if kind == OPEN:
        if not body.removesuffix("\n"):
            raise BadEdit(f"an empty file is written as `{WHOLE}`")
        return body.removesuffix("\n")
    return body


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
