"""A gate looks at the changed files, and passes only when its tool said so."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from app.errors import Invalid, NotFound
from app.workspace.gates import check_gate, run_gates
from app.workspace.gates.gate import Bench, GateSpec, removed
from app.workspace.sandbox.limits import Limits
from app.workspace.sandbox.sandbox import Sandbox

CAT = {"argv": ["cat", "{files}"]}


def gate(settings: Mapping[str, Any], *files: str) -> GateSpec:
    return GateSpec("one", "command", files or ("*.txt",), settings)


@pytest.fixture(scope="module")
def bench() -> Bench:
    if "WORKBENCH_IN_SANDBOX" in os.environ:
        pytest.skip("there is no sandbox inside a sandbox")
    return Bench(Sandbox(), Limits(wall_s=20), None)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_text("from a\n")
    (tmp_path / "b c.txt").write_text("from b c\n")
    return tmp_path


async def test_a_command_that_ends_with_0_passes(root: Path, bench: Bench) -> None:
    [result] = await run_gates([gate(CAT)], root, ["a.txt", "b c.txt"], bench)
    assert (result.outcome, result.findings) == ("passed", ())


async def test_another_exit_code_is_a_failure_with_the_output_as_its_finding(
    root: Path, bench: Bench
) -> None:
    shown = gate({"argv": ["sh", "-c", 'cat "$@"; exit 3', "sh", "{files}"]})
    [result] = await run_gates([shown], root, ["b c.txt"], bench)
    assert (result.outcome, result.reason) == ("failed", "sh: exit code 3")
    assert [one.message for one in result.findings] == ["from b c"]


async def test_a_tool_that_is_not_there_is_missing_and_never_passes(root: Path, bench: Bench) -> None:
    [result] = await run_gates([gate({"argv": ["no-such-tool"]})], root, ["a.txt"], bench)
    assert result.outcome == "missing"
    assert result.reason == "no-such-tool is not installed on this host"


async def test_a_change_without_a_file_of_its_kind_passes_a_gate_by(root: Path, bench: Bench) -> None:
    assert await run_gates([gate(CAT, "*.py")], root, ["a.txt"], bench) == ()


async def test_a_gate_that_was_removed_is_missing(root: Path, bench: Bench) -> None:
    [result] = await run_gates([removed("gone")], root, ["a.txt"], bench)
    assert (result.outcome, result.reason) == ("missing", "there is no gate 'gone'")


def test_settings_that_its_kind_does_not_take_are_refused_with_their_place() -> None:
    with pytest.raises(Invalid, match=r"settings\.argv"):
        check_gate(gate({"argv": []}))
    with pytest.raises(NotFound, match="there are: browser, command"):
        check_gate(GateSpec("one", "magic", ("*",)))
