"""Reads the edits in a block: texts to search for, and what stands in their place."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from app.edits.edit import BadEdit, Edit
from app.llm.channels.fences import Block, write_block

EDIT = "edit"
"""What opens a block of edits, before the path."""
SEARCH = "<<<<<<< SEARCH"
DIVIDER = "======="
REPLACE = ">>>>>>> REPLACE"
MAX_EDITS = 200
"""Edits of one file."""

_LINE = re.compile(r"[^\n]*\n|[^\n]+")


def read_edit_blocks(blocks: Sequence[Block], faults: list[str]) -> dict[str, list[dict[str, str]]]:
    """Path → its edits, as the document lists them; none for one that is at fault."""
    found: dict[str, list[dict[str, str]]] = {}
    for block in blocks:
        path = block.info.partition(" ")[2].strip()
        if path in found:
            faults.append(f"{path}: it has more than one block")
        found[path] = []
        try:
            edits = read_edits(block.body)
        except BadEdit as fault:
            faults.append(f"{path}: {fault}")
        else:
            found[path] = [{"path": path, "search": one.search, "replace": one.replace} for one in edits]
    return found


def write_edit_blocks(edits: Sequence[Mapping[str, str]]) -> list[str]:
    """One block for each file."""
    bodies: dict[str, list[str]] = {}
    for edit in edits:
        search, replace = _closed(edit["search"]), _closed(edit["replace"])
        bodies.setdefault(edit["path"], []).append(f"{SEARCH}\n{search}{DIVIDER}\n{replace}{REPLACE}\n")
    return [write_block(f"{EDIT} {path}", "".join(body)) for path, body in bodies.items()]


def read_edits(body: str) -> list[Edit]:
    """The edits in a block. Raises `BadEdit` for anything that is not a complete edit."""
    found: list[Edit] = []
    parts: list[list[str]] = []
    for line in _LINE.findall(body):
        mark = line.rstrip("\r\n")
        if mark == SEARCH and not parts:
            parts = [[]]
        elif mark == DIVIDER and len(parts) == 1:
            parts.append([])
        elif mark == REPLACE and len(parts) == 2:
            found.append(Edit("".join(parts[0]), "".join(parts[1])))
            parts = []
        elif mark in (SEARCH, DIVIDER, REPLACE):
            raise BadEdit(f"edit {len(found) + 1}: {mark!r} stands where it can not; give the whole file")
        elif parts:
            parts[-1].append(line)
        elif mark.strip():
            raise BadEdit(f"edit {len(found) + 1}: text outside {SEARCH!r} and {REPLACE!r}")
    if parts:
        raise BadEdit(f"edit {len(found) + 1} is not complete")
    if not 0 < len(found) <= MAX_EDITS:
        raise BadEdit(f"{len(found)} edits; a block holds 1 to {MAX_EDITS}")
    return found


def _closed(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"
