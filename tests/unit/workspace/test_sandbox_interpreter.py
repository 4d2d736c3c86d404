"""Which folders of the host a project's Python brings along, and which it must not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from app.workspace.sandbox.bubblewrap import work_folder
from app.workspace.sandbox.execution import InterpreterUnusable
from app.workspace.sandbox.interpreter import Layout, layout


def install(root: Path, name: str = "python3") -> Path:
    """A Python as far as its files show."""
    (root / "bin").mkdir(parents=True)
    (root / "lib" / "python3.11").mkdir(parents=True)
    (root / "lib" / "python3.11" / "os.py").write_text("")
    (root / "bin" / name).write_bytes(b"\x7fELF...")
    return root / "bin" / name


def environment(root: Path, python: Path) -> Path:
    """A virtual environment made from `python`."""
    (root / "bin").mkdir(parents=True)
    (root / "pyvenv.cfg").write_text(f"home = {python.parent}\nversion = 3.11\n")
    (root / "bin" / "python").symlink_to(python)
    return root / "bin" / "python"


def shown(found: Layout) -> set[str]:
    return {str(path) for _, path in found.folders}


def test_no_python_brings_nothing() -> None:
    assert layout(None) == Layout()


def test_an_environment_brings_itself_and_the_python_it_was_made_from(tmp_path: Path) -> None:
    python = environment(tmp_path / "venv", install(tmp_path / "base"))
    found = layout(python)
    assert shown(found) == {f"{tmp_path}/venv", f"{tmp_path}/base"}
    assert (found.links, found.bin) == ((), tmp_path / "venv" / "bin")


def test_the_real_prefix_of_this_python_is_brought() -> None:
    outside = {sys.prefix, sys.base_prefix} - {"/usr", "/usr/local"}
    assert outside <= shown(layout(Path(sys.executable)))


def test_a_python_of_the_system_brings_nothing_because_usr_is_there() -> None:
    assert layout(Path("/usr/bin/python3")).folders == ()


def test_a_folder_that_is_a_link_is_shown_under_both_names(tmp_path: Path) -> None:
    install(tmp_path / "cpython-3.11.7")
    (tmp_path / "cpython-3.11").symlink_to("cpython-3.11.7")
    found = layout(environment(tmp_path / "venv", tmp_path / "cpython-3.11" / "bin" / "python3"))
    assert shown(found) == {f"{tmp_path}/{name}" for name in ("venv", "cpython-3.11", "cpython-3.11.7")}
    assert {real for real, path in found.folders if "3.11" in path.name} == {tmp_path / "cpython-3.11.7"}


def test_a_link_in_a_home_brings_the_link_and_not_the_home(tmp_path: Path) -> None:
    python = install(tmp_path / "opt")
    (tmp_path / "home" / "bin").mkdir(parents=True)
    link = tmp_path / "home" / "bin" / "python"
    link.symlink_to("../../opt/bin/python3")
    found = layout(link)
    assert shown(found) == {str(python.parent.parent)}
    assert found.links == ((link, "../../opt/bin/python3"),)


def test_an_environment_without_a_home_line_needs_no_more_than_its_links(tmp_path: Path) -> None:
    python = environment(tmp_path / "venv", install(tmp_path / "base"))
    (tmp_path / "venv" / "pyvenv.cfg").write_text("home = relative\n")
    assert shown(layout(python)) == {f"{tmp_path}/venv", f"{tmp_path}/base"}


def test_a_shim_is_refused_with_what_to_name_instead(tmp_path: Path) -> None:
    shim = tmp_path / "python"
    shim.write_text("#!/bin/sh\nexec pyenv exec python\n")
    with pytest.raises(InterpreterUnusable, match=r"script \(a pyenv shim\?\)") as caught:
        layout(shim)
    assert "sys.executable" in caught.value.message


def test_a_missing_interpreter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InterpreterUnusable, match="No such file"):
        layout(tmp_path / "python")


def test_a_relative_interpreter_is_refused() -> None:
    with pytest.raises(InterpreterUnusable, match="not an absolute path"):
        layout(Path("venv/bin/python"))


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "python").symlink_to("python")
    with pytest.raises(InterpreterUnusable, match="loop"):
        layout(tmp_path / "python")


def test_a_program_without_a_standard_library_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").write_bytes(b"\x7fELF")
    with pytest.raises(InterpreterUnusable, match="no standard library"):
        layout(tmp_path / "bin" / "python")


def test_the_copy_stands_elsewhere_when_the_interpreter_lives_under_work() -> None:
    folder = Path("/work/.venv")
    assert work_folder(Layout(((folder, folder),))) == "/throw-away"
    assert work_folder(Layout()) == "/work"
