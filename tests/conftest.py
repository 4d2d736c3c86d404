"""A real Postgres for the whole test run, and a fresh database for each test that asks for one."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio
from psycopg import sql
from sqlalchemy import make_url

from app.db import Database, upgrade
from app.embedded import EmbeddedPostgres
from app.services import Services, open_services
from app.settings import Settings
from app.worker import create_worker
from app.workspace.sandbox.execution import SandboxUnavailable
from app.workspace.sandbox.sandbox import Sandbox
from tests.e2e import canary

TEMPLATE = "workbench_template"
E2E = Path(__file__).parent / "e2e"
ALWAYS = frozenset({"test_demo.py", "test_server.py", "test_serving.py"})
"""Files of whole processes that the default tests hold too."""
IN_SANDBOX = "WORKBENCH_IN_SANDBOX" in os.environ
"""Workbench tests a change of itself: this run is a command of its sandbox."""
DISK = Path.cwd() / ".tmp" if IN_SANDBOX else Path("/var/tmp")
MEMORY = Path("/dev/shm")
ROOM = 2 * 1024**3
"""Bytes: a server, its log of writes, the databases of the tests under way, and as much again."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of whole processes are slow but for a few; reports tell which abuse cases a test shows."""
    for item in items:
        if item.path.is_relative_to(E2E) and item.path.name not in ALWAYS:
            item.add_marker("slow")
        cases = sorted({case for mark in item.iter_markers("abuse") for case in mark.args})
        if cases:
            item.user_properties.append(("abuse", cases))


@pytest.fixture(scope="session")
def canary_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that no attempt may touch, beside the folders of the tests."""
    tree = tmp_path_factory.getbasetemp() / "canary"
    for path in ("keep.txt", ".git/config", ".git/hooks/pre-commit", "app/main.py", "AGENTS.md"):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text("keep\n")
    return tree


@pytest.fixture(autouse=True)
def unharmed(request: pytest.FixtureRequest) -> Iterator[None]:
    """An abuse that reaches anything outside of its own folder fails."""
    if request.node.get_closest_marker("abuse") is None:
        yield
        return
    tree = request.getfixturevalue("canary_tree")
    before = canary.take(tree)
    yield
    assert canary.changes(before, canary.take(tree)) == []


def pytest_configure() -> None:
    """In the sandbox only the copy of the source has room for databases; `/tmp` holds 64 MB."""
    if IN_SANDBOX:
        DISK.mkdir(exist_ok=True)
        os.environ["TMPDIR"] = tempfile.tempdir = str(DISK)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    """A test that meets the end of what a sandbox can do inside a sandbox is skipped, not passed."""
    try:
        return (yield)
    except SandboxUnavailable as end:
        if IN_SANDBOX:
            pytest.skip(f"there is no sandbox inside a sandbox: {end.message}")
        raise


@pytest.fixture(scope="session")
def state_root() -> Iterator[Path]:
    """A folder that the database's and the sandbox's own users can reach; pytest's is closed to them."""
    with _folder(DISK) as root:
        yield root


@pytest.fixture
def state_dir(state_root: Path) -> Path:
    """A state folder of this test."""
    folder = state_root / f"state {secrets.token_hex(4)}"
    folder.mkdir(mode=0o711)
    return folder


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """WORKBENCH_TEST_DATABASE_URL, or an embedded Postgres of this test run."""
    given = os.environ.get("WORKBENCH_TEST_DATABASE_URL")
    if given:
        yield given
        return
    with _folder(_fast_disk()) as root, EmbeddedPostgres(root / "postgres", tcp=IN_SANDBOX) as url:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            _execute(url, "ALTER SYSTEM SET {} = off", setting)  # nothing here outlives the server
        _execute(url, "SELECT pg_reload_conf()")
        yield url


@pytest.fixture(scope="session")
def template(server_url: str) -> Iterator[str]:
    """A migrated database that fresh ones are copied from."""
    with _made(server_url, f"{TEMPLATE}_{secrets.token_hex(4)}") as name:
        upgrade(_url(server_url, name))
        yield name


@pytest_asyncio.fixture(scope="session")
async def seeded(server_url: str, template: str, state_root: Path) -> AsyncIterator[str]:
    """A database with the seeds in it that fresh ones are copied from."""
    with _made(server_url, f"{template}_seeded", template) as name:
        settings = Settings(database_url=_url(server_url, name), state_dir=state_root, _env_file=None)
        async with open_services(settings):
            pass
        yield name


@pytest.fixture
def database_url(request: pytest.FixtureRequest, server_url: str) -> Iterator[str]:
    """A fresh database at head; with the seeds in it for a test of settings, else with no rows."""
    source = request.getfixturevalue("seeded" if "settings" in request.fixturenames else "template")
    with _made(server_url, f"workbench_test_{secrets.token_hex(6)}", source) as name:
        yield _url(server_url, name)


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url)
    yield opened
    await opened.close()


@pytest.fixture
def settings(database_url: str, state_dir: Path) -> Settings:
    """Demo mode: the sample repository is the default project and the recorded backend answers."""
    return Settings(database_url=database_url, state_dir=state_dir, demo=True, _env_file=None)


@pytest.fixture(scope="session")
def sandbox() -> Sandbox:
    """One that all tests share, so that its walls are tried once."""
    return Sandbox()


@pytest_asyncio.fixture
async def services(settings: Settings, sandbox: Sandbox) -> AsyncIterator[Services]:
    """Everything wired and seeded, with no worker."""
    async with open_services(settings, sandbox) as opened:
        yield opened


@pytest_asyncio.fixture
async def worker(services: Services) -> AsyncIterator[Services]:
    """The services with one worker at work."""
    stop = asyncio.Event()
    working = asyncio.create_task(create_worker(services).work(stop))
    yield services
    stop.set()
    await working


@contextmanager
def _folder(parent: Path) -> Iterator[Path]:
    """One that every user can enter, gone at the end of the block."""
    root = Path(tempfile.mkdtemp(prefix="workbench-tests-", dir=parent))
    root.chmod(0o711)
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _fast_disk() -> Path:
    """Memory, where programs may run and databases have room: a copy of one takes a quarter of the time."""
    with suppress(OSError):
        found = os.statvfs(MEMORY)
        if found.f_bavail * found.f_frsize >= ROOM and not found.f_flag & os.ST_NOEXEC:
            return MEMORY
    return DISK


@contextmanager
def _made(server_url: str, name: str, copied_from: str = "template1") -> Iterator[str]:
    """A database on the server, gone at the end of the block."""
    _execute(server_url, "CREATE DATABASE {} TEMPLATE {}", name, copied_from)
    try:
        yield name
    finally:
        _execute(server_url, "DROP DATABASE {} WITH (FORCE)", name)


def _execute(url: str, statement: str, *names: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _url(server_url: str, name: str) -> str:
    """The same server, another database."""
    return make_url(server_url).set(database=name).render_as_string(hide_password=False)
