"""The account that Postgres runs as."""

import os
from pathlib import Path

import pytest

from app.embedded.account import Account, switched
from app.embedded.errors import AccountUnavailable, FolderRefused

ourselves = Account(os.geteuid(), os.getegid(), "me")


def test_a_command_sees_none_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "1")
    said = ourselves.run("/usr/bin/env").stdout.split()
    assert "LC_ALL=C" in said
    assert not [line for line in said if line.startswith("PGPORT")]


def test_a_command_runs_in_a_session_of_its_own() -> None:
    said = ourselves.run("/bin/sh", "-c", "cut -d' ' -f6 /proc/$$/stat").stdout
    assert int(said) != os.getsid(0)


def test_a_program_that_can_not_be_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(AccountUnavailable, match="no-such-program can not be run as user me"):
        ourselves.run(tmp_path / "no-such-program")


def test_a_system_user_that_can_not_be_made_is_named_with_the_ways_out() -> None:
    both = r"'not: a name' is missing and could not be made.*WORKBENCH_DATABASE_URL"
    with pytest.raises(AccountUnavailable, match=both):
        switched("not: a name")


def test_our_own_account_needs_no_look_at_the_way_to_a_folder(tmp_path: Path) -> None:
    ourselves.must_reach(tmp_path / "missing", remedy="none")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try it as another user")
def test_the_first_closed_folder_on_the_way_is_named_with_the_remedy(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "deep").mkdir()
    with pytest.raises(FolderRefused, match=r"user nobody.* can not enter .*; open it") as refused:
        Account(65534, 65534, "nobody", switch=True).must_reach(tmp_path / "deep", remedy="open it")
    assert Path(refused.value.details["folder"]) in (tmp_path, *tmp_path.parents)
