"""The system users that root's processes work as."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.accounts import AccountUnavailable, system_user

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes users")


@pytest.fixture
def unused() -> Iterator[str]:
    name = f"workbench-{secrets.token_hex(4)}"
    yield name
    subprocess.run(["userdel", name], capture_output=True)


def test_processes_that_start_at_once_make_one_user(unused: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = set(pool.map(system_user, [unused] * 4))
    assert len(made) == 1, made


def test_a_user_that_can_not_be_made_is_told_with_the_reason_and_the_command() -> None:
    with pytest.raises(AccountUnavailable, match=r"invalid user name.*useradd --system") as told:
        system_user("not a name")
    assert told.value.code == "account_unavailable"
