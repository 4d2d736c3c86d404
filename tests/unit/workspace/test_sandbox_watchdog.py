"""Looking at processes that come and go."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from app.workspace.sandbox.output import Tail, last, printable
from app.workspace.sandbox.watchdog import files_in, resident_bytes, tree

GONE = 2**22 + 1
"""No process can have this number."""


def test_a_process_and_its_descendants_are_found_and_weighed() -> None:
    argv = ["sh", "-c", "sleep 600 & echo; wait"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, start_new_session=True) as shell:
        assert shell.stdout is not None
        shell.stdout.readline()
        assert len(list(tree(shell.pid))) == 2
        assert resident_bytes(shell.pid) > resident_bytes(list(tree(shell.pid))[1]) > 0
        os.killpg(shell.pid, 9)


def test_a_process_that_is_gone_weighs_nothing() -> None:
    assert resident_bytes(GONE) == 0


def test_a_folder_that_is_no_file_system_of_its_own_is_not_counted(tmp_path: Path) -> None:
    assert files_in(tmp_path) == 0
    assert files_in(Path("/proc/1/root") / str(GONE)) == 0


def test_a_tail_keeps_the_end_and_knows_that_it_lost_the_rest() -> None:
    tail = Tail(4)
    for part in (b"abcdef", b"ghijkl", b"mn"):
        tail.feed(part)
    assert (tail.text(), tail.truncated, tail.total) == ("klmn", True, 14)


def test_half_a_character_at_the_cut_is_dropped() -> None:
    assert last("aäö", 3) == "ö"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\n", "a\tb\n"),
        ("\r", "\\x0d"),
        ("\x9b", "\\x9b"),
        ("\u2066", "\\u2066"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_only_tab_and_newline_of_the_control_characters_stay(text: str, shown: str) -> None:
    assert printable(text) == shown
