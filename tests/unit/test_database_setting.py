"""WORKBENCH_DATABASE_URL as people get it wrong."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.db import Database
from app.errors import Unavailable
from app.settings import Settings


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("someone:secret@host/db", "it has to begin with postgresql://"),
        ("mysql://someone:secret@host/db", "it has to begin with postgresql://"),
        ("postgresql://someone:secret@host:port/db", "its port is no number"),
        ("postgresql://someone:secret#1@host/db", "special characters are written as %23"),
    ],
)
def test_an_address_that_is_none_of_a_postgres_is_refused_without_its_password(
    monkeypatch: pytest.MonkeyPatch, url: str, what: str
) -> None:
    monkeypatch.setenv("WORKBENCH_DATABASE_URL", url)
    with pytest.raises(ValidationError, match=what) as refusal:
        Settings(_env_file=None)
    assert "secret" not in str(refusal.value)


def test_an_empty_setting_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_DATABASE_URL", "")
    monkeypatch.setenv("WORKBENCH_PORT", "")
    settings = Settings(_env_file=None)
    assert (settings.database_url, settings.port) == (None, 8000)


async def test_an_option_that_postgres_does_not_know_is_named() -> None:
    database = Database("postgresql://someone:secret@127.0.0.1:1/db?nope=1")
    with pytest.raises(Unavailable, match='can not be used: invalid connection option "nope"'):
        await database.ping()
    await database.close()
