"""Where the command line prints, and how text from models and repositories is made harmless."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from app.workspace.sandbox.output import printable

PIPED_WIDTH = 160
TABLE_WIDTH = 10_000
"""A list in a pipe is for programs: a long path stays in one piece."""
Part = str | tuple[str, str]
"""Text, or text with its style."""


def stdout() -> Console:
    return _console(sys.stdout)


def stderr() -> Console:
    return _console(sys.stderr)


def line(*parts: Part) -> Text:
    """One line of styled text. No markup is read, and what a terminal could obey is escaped."""
    return Text.assemble(
        *(safe(part) if isinstance(part, str) else (safe(part[0]), part[1]) for part in parts)
    )


def safe(text: str) -> str:
    """The text with control characters as visible escapes; line breaks stay."""
    return printable(text).replace("\t", "    ")


def one_line(text: str, limit: int = 300) -> str:
    """The first line that holds something, cut to `limit` characters."""
    first = next((found.strip() for found in text.splitlines() if found.strip()), "")
    return first if len(first) <= limit else first[: limit - 1] + "…"


def say(console: Console, *parts: Part, indent: int = 0) -> None:
    """A line that is never folded, so that it can be copied."""
    console.print(line(" " * indent, *parts), soft_wrap=True)


def explain(console: Console, *parts: Part) -> None:
    """A line of prose: folded between words on a terminal, whole in a pipe."""
    console.print(line(*parts), soft_wrap=not console.is_terminal)


def emit(console: Console, part: RenderableType) -> None:
    """Print what stands in columns; no line is folded or padded where nobody looks at columns."""
    if console.is_terminal:
        console.print(part)
        return
    with console.capture() as captured:
        whole = isinstance(part, Table) and not part.expand and not os.environ.get("COLUMNS")
        usual, console.width = console.width, TABLE_WIDTH if whole else console.width
        console.print(part, soft_wrap=isinstance(part, Text))
        console.width = usual
    lines = captured.get().splitlines()
    console.file.write("".join(f"{line.rstrip()}\n" for line in lines))


def table(*columns: str, right: Sequence[str] = ()) -> Table:
    """A table without lines; the columns in `right` hold numbers."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in columns:
        made.add_column(Text(name), justify="right" if name in right else "left")
    return made


def row(made: Table, *cells: object) -> None:
    made.add_row(*(cell if isinstance(cell, Text) else line(str(cell)) for cell in cells))


def print_json(value: Any) -> None:
    """One document on stdout; escapes keep a terminal safe."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=True, default=str) + "\n")


def _console(stream: TextIO) -> Console:
    width = None if stream.isatty() or os.environ.get("COLUMNS") else PIPED_WIDTH
    return Console(file=stream, markup=False, highlight=False, emoji=False, width=width)
