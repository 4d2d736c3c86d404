"""Abuse cases 1 to 18: each hostile path is refused by name, and not a byte changes inside or outside."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.workspace.files import SourceFile, UnsafePath
from app.workspace.writer import write_files
from tests.abuse.hostile import HOSTILE, case_of
from tests.e2e import canary

ATTEMPTS = [
    pytest.param(reason, path, marks=pytest.mark.abuse(case_of(reason, path)), id=f"{reason}-{number}")
    for reason, paths in HOSTILE.items()
    for number, path in enumerate(paths)
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with things beside it that a path could lead to."""
    beside = tmp_path_factory.mktemp("beside")
    for path in ("x", "etc/x", "files/app/main.py", "files/.git/config", "files/sub/keep.txt"):
        (beside / path).parent.mkdir(parents=True, exist_ok=True)
        (beside / path).write_text("keep\n")
    return beside / "files"


@pytest.mark.parametrize(("reason", "path"), ATTEMPTS)
def test_a_hostile_path_is_refused_and_nothing_is_written(root: Path, reason: str, path: str) -> None:
    before = canary.take(root.parent)
    with pytest.raises(UnsafePath) as caught:
        write_files(root, [SourceFile("fresh/one.py", "1"), SourceFile(path, "evil\n")])
    assert (caught.value.reason, caught.value.code, caught.value.status) == (reason, "unsafe_path", 422)
    assert caught.value.message.isprintable()
    assert canary.changes(before, canary.take(root.parent)) == []


def test_the_list_of_hostile_paths_keeps_its_size() -> None:
    assert len(ATTEMPTS) >= 180
