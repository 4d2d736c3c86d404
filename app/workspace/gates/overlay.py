"""Files that a gate lays over the copy of the workspace, and what they stand for."""

from __future__ import annotations

from pathlib import Path

from app.workspace.gates.gate import Finding
from app.workspace.gates.snippet import Whole

OWN = ".workbench-gate"
"""Folder of the copy that is the gate's own; compilers pass by what begins with a dot."""


class Overlay:
    """Knows of each file it made which one of the change it stands for."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._made: dict[str, tuple[Whole, str]] = {}
        self._folders = 0

    def folder(self) -> str:
        """A new one, for files that belong together."""
        self._folders += 1
        return f"{OWN}/{self._folders}"

    def put(self, path: str, file: Whole, stands_for: str) -> None:
        self.add(path, file.text)
        self._made[path] = (file, stands_for)

    def add(self, path: str, text: str) -> None:
        """A file that stands for none."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, "utf-8")

    def finding(self, message: str, path: str, line: int) -> Finding:
        """At the place in the change, where the path is one made here."""
        if path not in self._made:
            return Finding(message, path, line)
        file, stands_for = self._made[path]
        return Finding(message, stands_for, file.origin(line))
