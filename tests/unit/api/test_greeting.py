"""What a person who starts the server is told."""

from __future__ import annotations

from pathlib import Path

from app.api.greeting import lines
from app.settings import Settings

STATE = Path("/var/state")


def test_the_file_of_the_first_token_is_named_where_there_is_one(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, _env_file=None)
    assert lines(settings, []) == ["A token is needed; `workbench token create NAME` makes one"]
    (tmp_path / "admin.token").touch()
    assert lines(settings, []) == [f"A token is needed; the first one is in {tmp_path}/admin.token"]


def test_authentication_that_is_off_is_said_loudly() -> None:
    found = lines(Settings(state_dir=STATE, auth="off", _env_file=None), [])
    assert found[0].startswith("WARNING: authentication is OFF")


def test_an_address_that_others_reach_is_warned_about() -> None:
    for host in ("0.0.0.0", "::", "bench.example"):  # noqa: S104
        found = lines(Settings(state_dir=STATE, host=host, _env_file=None), [])
        assert any("unencrypted" in line for line in found)
    for host in ("::1", "localhost", "127.0.0.2"):
        found = lines(Settings(state_dir=STATE, host=host, _env_file=None), [])
        assert not any("unencrypted" in line for line in found)


def test_unknown_settings_are_warnings() -> None:
    found = lines(Settings(state_dir=STATE, _env_file=None), ["unknown setting X is ignored"])
    assert "WARNING: unknown setting X is ignored" in found
