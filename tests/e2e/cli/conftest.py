"""One database and one state folder for the tests of the command, and a repository of somebody."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from tests.e2e.cli.command import InProcess, Process, Workbench, environment, git


@pytest.fixture(scope="session")
def cli_state(state_root: Path) -> Path:
    folder = state_root / "command line"
    folder.mkdir(mode=0o711)
    return folder


@pytest.fixture(scope="session")
def surroundings(server_url: str, template: str, cli_state: Path) -> Iterator[dict[str, str]]:
    """Environment of the command, with a database that its tests share."""
    database = f"workbench_cli_{secrets.token_hex(4)}"
    name = sql.Identifier(database)
    url = make_url(server_url).set(database=database).render_as_string(hide_password=False)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(name, sql.Identifier(template)))
        yield environment(cli_state) | {"WORKBENCH_DATABASE_URL": url}
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@pytest.fixture(scope="session")
def workbench(surroundings: dict[str, str]) -> Workbench:
    """The command within this process."""
    return InProcess(surroundings)


@pytest.fixture(scope="session")
def process(surroundings: dict[str, str]) -> Process:
    """The command in a process of its own."""
    return Process(surroundings)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one test that passes, and an environment of its own that has pytest."""
    folder = tmp_path / "calc"
    files = {
        "calc.py": "def add(a, b):\n    return a + b\n",
        "tests/test_calc.py": "from calc import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n",
        "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["."]\n',
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", ".")
    git(folder, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "--quiet", "-m", "Calculate")
    (folder / ".git" / "info" / "exclude").write_text("/.venv\n")
    (folder / ".venv").symlink_to(sys.prefix)
    return folder
