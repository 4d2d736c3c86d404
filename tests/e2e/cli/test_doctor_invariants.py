"""`workbench doctor --invariants`: sound runs pass, a breach is told and ends it with 1."""

from __future__ import annotations

import psycopg

from tests.e2e.cli.command import Workbench


def test_the_doctor_looks_for_broken_promises(workbench: Workbench, surroundings: dict[str, str]) -> None:
    workbench("seed")
    sound = workbench("doctor", "--invariants", "--json")
    assert (sound.code, sound.json["ok"]) == (0, True)
    assert {"gapless events", "one commit", "repository whole"} <= {
        check["name"] for check in sound.json["checks"]
    }
    with psycopg.connect(surroundings["WORKBENCH_DATABASE_URL"], autocommit=True) as connection:
        connection.execute(RUN)
        done = workbench("doctor", "--invariants")
        connection.execute("DELETE FROM pipelines WHERE definition = 'none'")
    assert done.code == 1
    assert "gapless events" in done.out
    assert "1 of 16 checks failed" in done.out


def test_a_database_that_is_not_at_head_is_said(workbench: Workbench, server_url: str) -> None:
    done = workbench("doctor", "--invariants", WORKBENCH_DATABASE_URL=server_url)
    assert done.code == 1
    assert "workbench seed" in done.out


RUN = """
    WITH snapshot AS (
        INSERT INTO definition_snapshots (sha256, body) VALUES (repeat('0', 64), '{"phases": []}')
        ON CONFLICT DO NOTHING
    )
    INSERT INTO pipelines (id, epic_description, definition, snapshot, state, target, position, round,
                           attempts, fence, event_count)
    VALUES (gen_random_uuid(), 'An epic', 'none', repeat('0', 64), 'created', 'end', 0, 0, 0, 0, 1)
"""
