"""The branch of a run leaves the host: at once, later, or not at all, and the run has succeeded anyway."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.artifacts import store as artifacts
from app.errors import Conflict, NotFound
from app.pipelines import invariants, pushing
from app.pipelines.pushing import AT_ONCE, MOST_ATTEMPTS, Pusher
from app.tables import Pipeline, Push
from app.workspace.access import GitAccess
from tests.db.software import SHOUT, Shop, Team, code
from tests.remotes.http import TOKEN, USER, GitServer, refs, served


@pytest.fixture
def server(tmp_path: Path, shop: Shop) -> Iterator[GitServer]:
    with served(tmp_path / "remotes", copied_from=shop.person.path) as one:
        shop.access = GitAccess(username=USER, token=TOKEN, token_host=one.host, timeout_s=20)
        yield one


@pytest.fixture
def pusher(shop: Shop, server: GitServer) -> Pusher:
    return Pusher(shop.services.database, shop.access)


async def committed(shop: Shop) -> tuple[Pipeline, dict[str, object]]:
    run = await shop.run(Team(developer=[code(SHOUT)]))
    assert run.state == "succeeded", run.error
    async with shop.services.database.transaction() as session:
        return run, (await artifacts.get(session, run.id, "commit")).body


async def row_of(shop: Shop, run: Pipeline) -> Push | None:
    async with shop.services.database.transaction() as session:
        return (await pushing.of_runs(session, [run.id])).get(run.id)


async def wait_over(shop: Shop) -> None:
    """As if the pause after an attempt were over."""
    async with shop.services.database.transaction() as session:
        await session.execute(text("UPDATE pushes SET updated_at = updated_at - interval '2 hours'"))


async def kinds_of_events(shop: Shop, run: Pipeline) -> list[str]:
    async with shop.services.database.transaction() as session:
        query = text("SELECT kind FROM events WHERE pipeline_id = :run ORDER BY seq")
        return list(await session.scalars(query, {"run": run.id}))


async def copy_of(session: AsyncSession, run: Pipeline, number: int, *, whole: bool) -> None:
    """Another run like it, of a folder that is elsewhere; not whole: of the same, with a commit not noted."""
    other, of = str(uuid4()), "pipeline_id = :run"
    where = {"path": f"/nowhere/{number}"} if whole else {}
    rows: list[tuple[str, str, dict[str, object]]] = [
        ("projects", "id = (SELECT project_id FROM pipelines WHERE id = :run)",
         {"id": number, "name": f"p{number}", **where}),
        ("pipelines", "id = :run", {"id": other, "project_id": number}),
        ("commit_intents", of, {"pipeline_id": other}),
        ("pushes", of, {"pipeline_id": other, "updated_at": "2020-01-01T00:00:00Z"}),
    ]  # fmt: skip
    if whole:
        rows += [
            ("phase_runs", f"{of} AND kind = 'commit'", {"id": number, "pipeline_id": other}),
            ("artifacts", f"{of} AND name = 'commit'",
             {"id": number, "pipeline_id": other, "phase_run_id": number}),
        ]  # fmt: skip
    for table, which, new in rows:
        query = f"""
            INSERT INTO {table} OVERRIDING SYSTEM VALUE
            SELECT (jsonb_populate_record(NULL::{table}, to_jsonb(old) || CAST(:new AS jsonb))).*
            FROM {table} AS old WHERE {which}
        """  # noqa: S608 - names of tables
        await session.execute(text(query), {"run": run.id, "new": json.dumps(new)})


async def test_a_run_pushes_its_branch_and_its_artifact_says_so(shop: Shop, server: GitServer) -> None:
    await shop.change(push_to=server.url())
    with shop.untouched():
        run, made = await committed(shop)
    branch = f"workbench/{run.id}"
    assert made["push"] == {"url": server.url(), "branch": branch, "state": "pushed", "error": None}
    assert refs(server.root / "shop.git") == {
        "main": shop.person.git("rev-parse", "main"),
        branch: made["commit"],
    }
    row = await row_of(shop, run)
    assert row is not None
    assert (row.state, row.commit, row.attempts, row.error) == ("pushed", made["commit"], 1, None)
    assert await invariants.check(shop.services.database) == []


async def test_a_project_without_a_remote_pushes_nothing(shop: Shop) -> None:
    run, made = await committed(shop)
    assert "push" not in made
    assert await row_of(shop, run) is None
    with pytest.raises(Conflict, match="names no remote"):
        await shop.services.pusher.push(run.id)


async def test_a_run_whose_remote_refuses_succeeds_and_is_pushed_later(
    shop: Shop, server: GitServer, pusher: Pusher
) -> None:
    hook = server.root / "shop.git" / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho closed >&2\nexit 1\n")
    hook.chmod(0o755)
    await shop.change(push_to=server.url())
    run, made = await committed(shop)
    assert made["push"]["state"] == "committed_not_pushed"  # type: ignore[index]
    assert "closed" in made["push"]["error"]  # type: ignore[index]
    async with shop.services.database.transaction() as session:
        assert [row.pipeline_id for row in await pushing.unsent(session)] == [run.id]
    hook.unlink()
    pushed = await pusher.push(run.id)
    assert (pushed.state, pushed.attempts, pushed.error) == ("pushed", 2, None)
    assert refs(server.root / "shop.git")[f"workbench/{run.id}"] == made["commit"]
    assert (await kinds_of_events(shop, run))[-2:] == ["succeeded", "pushed"]
    assert await invariants.check(shop.services.database) == []
    again = await pusher.push(run.id)
    assert (again.state, again.attempts) == ("pushed", 2)


async def test_what_is_not_pushed_is_tried_again_after_a_pause_and_not_for_ever(
    shop: Shop, server: GitServer, pusher: Pusher
) -> None:
    await shop.change(push_to=server.url("missing.git"))
    run, _ = await committed(shop)
    assert await pusher.tick() == 0  # its pause is not over
    for _ in range(MOST_ATTEMPTS + 1):
        await wait_over(shop)
        await pusher.tick()
    row = await row_of(shop, run)
    assert row is not None
    assert (row.state, row.attempts) == ("committed_not_pushed", MOST_ATTEMPTS)


async def test_what_can_not_be_pushed_here_keeps_nothing_else_from_being_pushed(
    shop: Shop, server: GitServer, pusher: Pusher
) -> None:
    """Not the runs of folders that are elsewhere, however many, nor one that failed after its push."""
    await shop.change(push_to=server.url("missing.git"))
    run, made = await committed(shop)
    await shop.change(push_to=server.url())
    await wait_over(shop)
    async with shop.services.database.transaction() as session:
        for number in range(AT_ONCE + 1):
            await copy_of(session, run, 1000 + number, whole=number < AT_ONCE)
    assert await pusher.tick() == 1
    assert refs(server.root / "shop.git")[f"workbench/{run.id}"] == made["commit"]


async def test_workers_that_look_at_once_make_one_attempt(shop: Shop, server: GitServer) -> None:
    await shop.change(push_to=server.url("missing.git"))
    run, _ = await committed(shop)
    await wait_over(shop)
    workers = [Pusher(shop.services.database, shop.access) for _ in range(4)]
    assert sum(await asyncio.gather(*(one.tick() for one in workers))) == 1
    row = await row_of(shop, run)
    assert row is not None
    assert row.attempts == 2


async def test_a_retry_goes_to_where_the_project_pushes_now(
    shop: Shop, server: GitServer, pusher: Pusher
) -> None:
    await shop.change(push_to=server.url("missing.git"))
    run, made = await committed(shop)
    await shop.change(push_to=server.url())
    await wait_over(shop)
    assert await pusher.tick() == 1
    row = await row_of(shop, run)
    assert row is not None
    assert (row.state, row.url, row.attempts) == ("pushed", server.url(), 1)
    assert refs(server.root / "shop.git")[f"workbench/{run.id}"] == made["commit"]


async def test_the_token_is_nowhere_in_the_database(shop: Shop, server: GitServer) -> None:
    server.echo = True
    await shop.change(push_to=server.url())
    await committed(shop)
    for table in ("pushes", "events", "artifacts", "phase_runs", "pipelines"):
        async with shop.services.database.transaction() as session:
            rows = text(f"SELECT string_agg(t::text, ' ') FROM {table} AS t")  # noqa: S608 - constants
            found = await session.scalar(rows)
        assert TOKEN not in found


async def test_a_run_that_committed_nothing_has_nothing_to_push(shop: Shop, server: GitServer) -> None:
    run = await shop.services.pipelines.create("Greet", definition="tiny", project="shop")
    with pytest.raises(Conflict, match="committed nothing"):
        await shop.services.pusher.push(run.id)
    with pytest.raises(NotFound):
        await shop.services.pusher.push(uuid4())
