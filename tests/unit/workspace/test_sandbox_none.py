"""Without a sandbox only the shipped demo's own files run, and the result says so."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import pytest

from app.workspace.sandbox.execution import Command
from app.workspace.sandbox.limits import Limits
from app.workspace.sandbox.unsandboxed import NotTheDemo, run_unsandboxed

COMMAND = Command(("{python}", "main.py", "{junit}"), Path(sys.executable))
MAIN = "import sys; open(sys.argv[1], 'w').write('<testsuite/>'); print('ran')"


def demo(folder: Path, **files: str) -> dict[str, set[str]]:
    """Write the files and return the digests that would be shipped."""
    for name, content in files.items():
        (folder / f"{name}.py").write_text(content)
    return {f"{name}.py": {hashlib.sha256(text.encode()).hexdigest()} for name, text in files.items()}


async def test_files_whose_digests_are_known_run_and_the_result_says_that_there_was_no_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_ANTHROPIC_API_KEY", "key-of-the-service")
    digests = demo(tmp_path, main=MAIN + "; import os; print(sorted(os.environ))")
    found = await run_unsandboxed(tmp_path, COMMAND, Limits(), digests)
    assert (found.exit_code, found.junit, found.unsandboxed) == (0, b"<testsuite/>", True)
    assert found.output.startswith("ran WITHOUT a sandbox")
    assert "ANTHROPIC" not in found.output


async def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    digests = demo(tmp_path, main=MAIN)
    (tmp_path / "main.py").write_text(MAIN + " ")
    with pytest.raises(NotTheDemo, match=r"'main\.py' is not a file of the shipped demo"):
        await run_unsandboxed(tmp_path, COMMAND, Limits(), digests)


@pytest.mark.parametrize("main", ["1", "2"])
@pytest.mark.parametrize("other", ["1", "2"])
async def test_any_mix_of_the_digests_that_are_known_of_each_path_runs(
    tmp_path: Path, main: str, other: str
) -> None:
    first = demo(tmp_path, main=f"{MAIN} # 1", other="1")
    second = demo(tmp_path, main=f"{MAIN} # 2", other="2")
    digests = {path: first[path] | second[path] for path in first}
    demo(tmp_path, main=f"{MAIN} # {main}", other=other)
    assert (await run_unsandboxed(tmp_path, COMMAND, Limits(), digests)).exit_code == 0


async def test_a_file_that_is_known_at_another_path_only_is_refused(tmp_path: Path) -> None:
    digests = demo(tmp_path, main=MAIN, other="pass")
    (tmp_path / "main.py").write_text("pass")
    with pytest.raises(NotTheDemo, match=r"main\.py"):
        await run_unsandboxed(tmp_path, COMMAND, Limits(), digests)


async def test_an_additional_file_is_refused(tmp_path: Path) -> None:
    digests = demo(tmp_path, main=MAIN)
    (tmp_path / "conftest.py").write_text("")
    with pytest.raises(NotTheDemo, match=r"conftest\.py"):
        await run_unsandboxed(tmp_path, COMMAND, Limits(), digests)


@pytest.mark.parametrize("kind", ["link to a file", "link to a folder", "pipe"])
async def test_what_is_no_regular_file_is_refused(tmp_path: Path, kind: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    digests = demo(tmp_path, main=MAIN)
    match kind:
        case "link to a file":
            (source / "main.py").symlink_to(tmp_path / "main.py")
        case "link to a folder":
            (source / "main.py").symlink_to(tmp_path)
        case _:
            os.mkfifo(source / "main.py")
    with pytest.raises(NotTheDemo):
        await run_unsandboxed(source, COMMAND, Limits(), digests)


async def test_no_known_digest_means_that_nothing_runs(tmp_path: Path) -> None:
    with pytest.raises(NotTheDemo):
        await run_unsandboxed(tmp_path, COMMAND, Limits(), {})
    demo(tmp_path, main=MAIN)
    with pytest.raises(NotTheDemo):
        await run_unsandboxed(tmp_path, COMMAND, Limits(), {})


async def test_a_result_that_is_a_link_is_no_result(tmp_path: Path) -> None:
    digests = demo(tmp_path, main="import os, sys; os.symlink('/etc/passwd', sys.argv[1])")
    found = await run_unsandboxed(tmp_path, COMMAND, Limits(), digests)
    assert (found.exit_code, found.junit) == (0, None)


async def test_time_is_limited_here_too(tmp_path: Path) -> None:
    digests = demo(tmp_path, main="import time; time.sleep(600)")
    found = await run_unsandboxed(tmp_path, COMMAND, Limits(wall_s=0.3), digests)
    assert (found.ended, found.exit_code) == ("timeout", None)
