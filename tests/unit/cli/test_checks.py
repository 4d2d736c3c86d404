"""What the doctor says about the state folder and the machine."""

from __future__ import annotations

from pathlib import Path

from app.cli.checks import machine, state
from app.cli.checks.finding import Level
from app.settings import Settings


def settings(folder: Path) -> Settings:
    return Settings(state_dir=folder, _env_file=None)


def test_a_state_folder_that_is_not_there_yet_is_fine(tmp_path: Path) -> None:
    found = state.folder(settings(tmp_path / "new" / "state"))
    assert found.level is Level.OK
    assert "will be made" in found.message


def test_a_state_folder_that_others_may_write_is_a_warning(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    found = state.folder(settings(tmp_path))
    assert found.level is Level.WARN
    assert found.remedy == f"chmod go-w {tmp_path}"


def test_the_disk_is_judged_where_the_state_folder_will_be(tmp_path: Path) -> None:
    assert "GiB free" in state.disk(settings(tmp_path / "new")).message


async def test_python_git_and_the_seeds_are_named_with_their_versions() -> None:
    assert machine.python().level is Level.OK
    assert (await machine.git()).message[0].isdigit()
    assert "prompts" in state.seeds().message
