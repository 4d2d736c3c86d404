"""The migrations make the schema that the tables describe, and take it away again."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from pgqueuer.core.qm import QueueManager
from pgqueuer.queries import Queries
from psycopg import sql
from sqlalchemy import create_engine, make_url

from app.db import Database, alembic_config, downgrade, sqlalchemy_url, upgrade
from app.errors import Unavailable
from app.queue.driver import PoolDriver
from app.queue.listener import Listener
from app.settings import ROOT
from app.tables import Base

CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND conrelid <> 0 ORDER BY 1, 2
"""
INDEXES = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2"
COLUMNS = """
    SELECT table_name, column_name, data_type, is_nullable, column_default, identity_generation,
           numeric_precision, numeric_scale, datetime_precision
    FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2
"""
EVERYTHING = """
    SELECT relkind::text, relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT 'function', proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT 'type', typname FROM pg_type
      WHERE typnamespace = 'public'::regnamespace AND typtype = 'e' ORDER BY 1, 2
"""


@pytest.fixture
def empty_url(server_url: str) -> Iterator[str]:
    """A database with nothing in it."""
    name = f"workbench_empty_{secrets.token_hex(6)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def look(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def head() -> str | None:
    return ScriptDirectory(str(ROOT / "migrations")).get_current_head()


def ours(rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    return [row for row in rows if not str(row[0]).startswith(("pgqueuer", "alembic"))]


def test_up_down_and_up_again_gives_the_same_schema(empty_url: str) -> None:
    upgrade(empty_url)
    first = look(empty_url, EVERYTHING)
    downgrade(empty_url)
    assert [name for kind, name in look(empty_url, EVERYTHING) if kind == "r"] == ["alembic_version"]
    assert [name for kind, name in look(empty_url, EVERYTHING) if kind in ("function", "type")] == []
    upgrade(empty_url)
    assert look(empty_url, EVERYTHING) == first


def test_the_tables_have_nothing_that_no_migration_makes(database_url: str) -> None:
    command.check(alembic_config(database_url))


@pytest.mark.parametrize("query", [CONSTRAINTS, INDEXES, COLUMNS], ids=["constraints", "indexes", "columns"])
def test_the_migrated_schema_is_the_one_of_the_tables(database_url: str, empty_url: str, query: str) -> None:
    engine = create_engine(sqlalchemy_url(empty_url))
    Base.metadata.create_all(engine)
    engine.dispose()
    migrated, described = ours(look(database_url, query)), ours(look(empty_url, query))
    assert migrated == described
    assert len(migrated) > 15


async def test_the_queue_finds_its_tables_as_it_wants_them(database: Database) -> None:
    listener = Listener(database.url)
    await QueueManager(Queries(PoolDriver(database, listener))).verify_structure()
    await listener.close()


def test_processes_that_start_together_migrate_one_after_the_other(empty_url: str) -> None:
    code = "import sys; from app.db import upgrade; upgrade(sys.argv[1])"
    command_line = [sys.executable, "-W", "error", "-c", code, empty_url]
    processes = [subprocess.Popen(command_line, cwd=ROOT) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert look(empty_url, "SELECT version_num FROM alembic_version") == [(head(),)]


async def test_a_database_that_is_behind_is_not_at_head(empty_url: str) -> None:
    database = Database(empty_url)
    assert not await database.at_head()
    await database.close()


async def test_a_database_that_does_not_answer_is_told() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/none?connect_timeout=5")
    with pytest.raises(Unavailable, match="the database does not answer"):
        await database.migrate()
    await database.close()


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_way_to_write_the_url_names_the_driver(scheme: str) -> None:
    assert sqlalchemy_url(f"{scheme}://a@b/c") == "postgresql+psycopg://a@b/c"
