"""Every command and option stands in docs/reference/cli.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from app.cli.program import program
from app.settings import ROOT

REFERENCE = (ROOT / "docs" / "reference" / "cli.md").read_text("utf-8")


def commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    for name, child in getattr(command, "commands", {}).items():
        yield f"{path} {name}", child
        yield from commands(child, f"{path} {name}")


TREE = dict(commands(typer.main.get_command(program), "workbench"))


@pytest.mark.parametrize("path", [path for path, command in TREE.items() if not hasattr(command, "commands")])
def test_every_command_and_its_options_are_documented(path: str) -> None:
    assert f"`{path}" in REFERENCE
    part = REFERENCE.split(f"`{path}", 1)[1]
    section = part.split("\n### ")[0].split("\n## ")[0]
    options = [name for option in TREE[path].params for name in option.opts if name.startswith("--")]
    assert [name for name in options if name != "--help" and f"`{name}" not in section] == []


@pytest.mark.parametrize("path", TREE)
def test_every_command_says_what_it_does(path: str) -> None:
    assert TREE[path].help
    assert all(getattr(option, "help", None) for option in TREE[path].params)
