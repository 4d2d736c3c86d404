"""Where the embedded Postgres listens, and the URLs of it."""

import os
import socket
from pathlib import Path

import psycopg.conninfo
import pytest
from sqlalchemy.engine import make_url

from app.embedded import password
from app.embedded.account import Account
from app.embedded.address import Address, forget_socket_folder, free_port, socket_folder, written_by_server
from app.embedded.errors import FolderRefused

ourselves = Account(os.geteuid(), os.getegid(), "me")


def test_a_socket_url_says_the_same_to_psycopg_and_sqlalchemy() -> None:
    url = Address(port=5432, socket_folder=Path("/tmp/a b&c")).url("workbench")
    heard = psycopg.conninfo.conninfo_to_dict(url)
    assert heard == {"user": "workbench", "dbname": "workbench", "host": "/tmp/a b&c", "port": "5432"}
    assert make_url(url).query == {"host": "/tmp/a b&c", "port": "5432"}


def test_a_socket_server_listens_on_no_network() -> None:
    settings = Address(port=5432, socket_folder=Path('/tmp/a"b')).settings()
    assert settings["listen_addresses"] == ""
    assert settings["unix_socket_directories"] == '"/tmp/a""b"'


def test_a_tcp_server_listens_on_loopback_only() -> None:
    address = free_port()
    assert address.settings()["listen_addresses"] == "127.0.0.1"
    assert address.settings()["unix_socket_directories"] == ""
    with socket.socket() as taker:
        taker.bind(("127.0.0.1", address.port))


@pytest.mark.parametrize("awkward", ["x" * 90, "a,b"])
def test_a_temp_folder_that_no_socket_fits_in_is_replaced_by_the_short_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, awkward: str
) -> None:
    (tmp_path / awkward).mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / awkward))
    folder = socket_folder(tmp_path, ourselves).socket_folder
    assert folder
    assert folder.parent == Path("/tmp")
    assert folder.stat().st_mode & 0o777 == 0o700
    forget_socket_folder(tmp_path)
    assert not folder.exists()


def test_every_state_folder_has_a_socket_folder_of_its_own(tmp_path: Path) -> None:
    states = [tmp_path / "a", tmp_path / "b"]
    assert len({socket_folder(state, ourselves).socket_folder for state in states}) == 2
    for state in states:
        forget_socket_folder(state)


def test_a_server_that_still_starts_has_no_address_yet() -> None:
    lines = ["4711", "/data", "1700000000", "5432", "/tmp/s", "", "1 2", "ready"]
    assert written_by_server(lines[:5]) is None
    assert written_by_server(lines) == Address(port=5432, socket_folder=Path("/tmp/s"))
    assert written_by_server([*lines[:4], "", *lines[5:]]) == Address(port=5432)


def test_the_password_is_kept_from_others_and_new_each_time(tmp_path: Path) -> None:
    first = password.new(tmp_path / "secret")
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    assert password.new(tmp_path / "secret") != first
    assert password.read(tmp_path / "secret") != first


def test_a_lost_password_is_named(tmp_path: Path) -> None:
    with pytest.raises(FolderRefused, match="secret is missing"):
        password.read(tmp_path / "secret")
