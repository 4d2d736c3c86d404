"""`workbench gates`: what there is, what a person writes, and what gates find in a repository."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.cli.command import Workbench, git

NO_TABS = """
name: no-tabs
kind: command
description: No Python file has a tab.
files: ["*.py"]
settings: {argv: [sh, -c, '! grep -nP "\\\\t" "$@"', sh, "{files}"]}
"""


def words(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_a_gate_is_written_shown_and_removed(workbench: Workbench, tmp_path: Path) -> None:
    file = tmp_path / "gate.yaml"
    file.write_text(NO_TABS)
    assert (
        workbench("gates", "put", str(file)).out == "no-tabs stored; projects use it from the next test on\n"
    )
    file.write_text(workbench("gates", "show", "no-tabs").out)
    assert workbench("gates", "put", str(file)).code == 0
    listed = {gate["name"]: gate for gate in workbench("gates", "list", "--json").json}
    assert listed["no-tabs"]["settings"]["argv"][0] == "sh"
    assert "no-tabs command *.py No Python file has a tab." in words(workbench("gates", "list").out)
    assert workbench("gates", "remove", "no-tabs").out == "no-tabs is removed\n"
    assert "no gate 'no-tabs'; there are: " in workbench("gates", "show", "no-tabs").err


def test_a_gate_that_can_not_work_says_where(workbench: Workbench, tmp_path: Path) -> None:
    file = tmp_path / "gate.yaml"
    file.write_text(NO_TABS.replace("argv", "arguments"))
    assert "settings.argv: Field required" in workbench("gates", "put", str(file)).err
    file.write_text(NO_TABS.replace("files", "paths", 1))
    assert f"{file}: files: Field required" in workbench("gates", "put", str(file)).err


def test_gates_look_at_the_working_copy_or_at_a_commit(workbench: Workbench, repository: Path) -> None:
    (repository / "new.py").write_text("def broken(:\n")
    (repository / "ignored.py").write_text("def broken(:\n")
    (repository / ".git/info/exclude").write_text("ignored.py\n")
    found = workbench("gates", "check", "python", "java", "--repo", str(repository))
    assert found.code == 1
    shown = words(found.out)
    assert shown[0] == "gate outcome time why"
    assert shown[1].startswith("python failed")
    assert shown[1].endswith("1 of 3 files do not compile")
    assert shown[2:] == [
        "java no file that it looks at",
        "",
        "gate place finding",
        "python new.py:1 SyntaxError: invalid syntax",
    ]
    committed = workbench("gates", "check", "python", "--repo", str(repository), "--commit", "main", "--json")
    assert committed.code == 0
    assert committed.json["commit"] == git(repository, "rev-parse", "main").strip()
    assert [(gate["name"], gate["outcome"]) for gate in committed.json["gates"]] == [("python", "passed")]
    assert git(repository, "status", "--porcelain") == "?? .venv\n?? new.py\n"


def test_a_repository_without_gates_of_its_own_is_told_to_name_some(
    workbench: Workbench, repository: Path
) -> None:
    assert "name the gates to check" in workbench("gates", "check", "--repo", str(repository)).err
    assert "no gate 'cobol'" in workbench("gates", "check", "cobol", "--repo", str(repository)).err
