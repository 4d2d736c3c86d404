"""What the database itself refuses."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.db import Database

SHA = "a" * 64
"""Stands for `SHA` in the statements, as the id below for `ID`."""
ID = "00000000-0000-0000-0000-000000000001"
ROWS = """
    INSERT INTO definition_snapshots (sha256, body) VALUES ('SHA', '{}');
    INSERT INTO pipelines (id, epic_description, definition, snapshot, state, target, position, round,
                           attempts, fence, event_count, priority)
      VALUES ('ID', 'e', 'd', 'SHA', 'queued', 'end', 0, 0, 0, 0, 0, 2);
    INSERT INTO phase_runs (pipeline_id, phase, kind, item, round, try, outcome, fence)
      VALUES ('ID', 'a', 'k', '', 0, 0, 'running', 1);
    INSERT INTO artifacts (pipeline_id, name, version, current, schema, schema_digest, content_digest, body,
                           phase_run_id)
      SELECT 'ID', 'n', 1, true, 's', 'SHA', 'SHA', '{}', id FROM phase_runs;
    INSERT INTO events (pipeline_id, seq, kind, data) VALUES ('ID', 1, 'created', '{}');
    INSERT INTO role_prompts (role, version, system, task, variables, digest, message, created_by)
      VALUES ('pm', 1, 's', 't', '[]', 'SHA', 'm', 'b');
    INSERT INTO role_prompt_labels (role, label, version, moved_by) VALUES ('pm', 'production', 1, 'b');
    INSERT INTO pipeline_prompt_usage (pipeline_id, phase, item, round, step, backend, profile, model, role,
        prompt_digest, request_digest, reserved_tokens, price_version, outcome)
      VALUES ('ID', 'a', '', 0, 0, 'b', 'p', 'm', 'r', 'SHA', 'SHA', 1, 'v', 'open');
    INSERT INTO model_profiles (name, description, backend, model, context_tokens, max_output_tokens, think)
      VALUES ('p', 'd', 'b', 'm', 1, 1, 'off');
    INSERT INTO routes (name, description, profile) VALUES ('light', 'd', 'p');
    INSERT INTO pipeline_definitions (name, description, write_documents) VALUES ('d', 'd', false);
    INSERT INTO phase_configurations (definition, position, name, kind, inputs, max_rework, limits)
      VALUES ('d', 0, 'a', 'k', '[]', 0, '{}'), ('d', 1, 'b', 'k', '[]', 0, '{}');
"""
PHASE_RUN = (
    "INSERT INTO phase_runs (pipeline_id, phase, kind, item, round, try, outcome, fence, ended_at) VALUES "
)
ARTIFACT = (
    "INSERT INTO artifacts (pipeline_id, name, version, current, schema, schema_digest, content_digest, "
    "body, phase_run_id) SELECT pipeline_id, 'n', 2, false, 's', 'SHA', 'SHA', '{}', id FROM phase_runs "
    "WHERE phase = 'b'"
)
SECOND = PHASE_RUN + "('ID', 'b', 'k', '', 0, 0, 'passed', 1, now());"

BAD = {
    "two current artifacts of a name": SECOND + ARTIFACT.replace("false", "true"),
    "the same version of an artifact twice": SECOND + ARTIFACT.replace("2", "1"),
    "version 0 of an artifact": SECOND + ARTIFACT.replace("2", "0"),
    "an artifact whose digest is none": SECOND + ARTIFACT.replace("'SHA'", "'none'"),
    "two artifacts of one phase run": "UPDATE artifacts SET current = false;"
    "INSERT INTO artifacts (pipeline_id, name, version, current, schema, schema_digest, content_digest, "
    "body, phase_run_id) SELECT pipeline_id, 'm', 1, true, 's', schema_digest, content_digest, body, "
    "phase_run_id FROM artifacts",
    "two running phase runs of a run": PHASE_RUN + "('ID', 'b', 'k', '', 0, 0, 'running', 1, NULL)",
    "the same try twice": PHASE_RUN + "('ID', 'a', 'k', '', 0, 0, 'passed', 1, now())",
    "a phase run that ended and runs": "UPDATE phase_runs SET ended_at = now()",
    "a phase run that passed and has no end": "UPDATE phase_runs SET outcome = 'passed'",
    "an outcome nobody knows": "UPDATE phase_runs SET outcome = 'fine', ended_at = now()",
    "a state nobody knows": "UPDATE pipelines SET state = 'done'",
    "a target nobody knows": "UPDATE pipelines SET target = 'half'",
    "a failed run without an error": "UPDATE pipelines SET state = 'failed', finished_at = now()",
    "an error on a run that did not fail": "UPDATE pipelines SET error = '{}'",
    "a finished run without its time": "UPDATE pipelines SET state = 'succeeded'",
    "an unfinished run with the time of its end": "UPDATE pipelines SET finished_at = now()",
    "a lease without a worker": "UPDATE pipelines SET state = 'running', lease_expires_at = now()",
    "a worker without a lease": "UPDATE pipelines SET state = 'running', worker = 'w'",
    "a lease on a run that does not run": "UPDATE pipelines SET worker = 'w', lease_expires_at = now()",
    "an empty epic": "UPDATE pipelines SET epic_description = '  '",
    "a negative position": "UPDATE pipelines SET position = -1",
    "a negative fence": "UPDATE pipelines SET fence = -1",
    "a run without a snapshot": "UPDATE pipelines SET snapshot = 'none'",
    "event number 0": "INSERT INTO events (pipeline_id, seq, kind, data) VALUES ('ID', 0, 'k', '{}')",
    "an event number twice": "INSERT INTO events (pipeline_id, seq, kind, data) VALUES ('ID', 1, 'k', '{}')",
    "a changed prompt": "UPDATE role_prompts SET task = 'other'",
    "a deleted prompt": "DELETE FROM role_prompts",
    "a changed snapshot": "UPDATE definition_snapshots SET body = '[]'",
    "a deleted snapshot": "DELETE FROM definition_snapshots",
    "a label on a version that is not there": "UPDATE role_prompt_labels SET version = 2",
    "a ledger row that is open and settled": "UPDATE pipeline_prompt_usage SET settled_at = now()",
    "a ledger row that is settled and has no time": "UPDATE pipeline_prompt_usage SET outcome = 'ok'",
    "negative tokens": "UPDATE pipeline_prompt_usage SET input_tokens = -1",
    "a negative cost": "UPDATE pipeline_prompt_usage SET cost_usd = -1",
    "a negative reservation": "UPDATE pipeline_prompt_usage SET reserved_tokens = -1",
    "a negative sum of a day":
        "INSERT INTO usage_days VALUES (now(), 'b', 'm', 1, 0, 0, 0, 0, 0, -1, 0, '{}', 1)",
    "a request without a digest": "UPDATE pipeline_prompt_usage SET request_digest = ''",
    "a profile that thinks a little": "UPDATE model_profiles SET think = 'a little'",
    "a profile without context": "UPDATE model_profiles SET context_tokens = 0",
    "a route to no profile": "UPDATE routes SET profile = 'q'",
    "a definition with a name nobody can type": "UPDATE pipeline_definitions SET name = 'A B'",
    "two phases of a name": "UPDATE phase_configurations SET name = 'a'",
    "two phases at a place": "UPDATE phase_configurations SET position = 0",
    "an answer that goes nowhere known": "UPDATE phase_configurations SET apply = 'disk'",
    "a project without a test command": "INSERT INTO projects (name, path, test_command, protected_paths, "
    "permitted_paths) VALUES ('p', '/p', '[]', '[]', '[]')",
    "a token with half a hash": "INSERT INTO api_tokens (name, prefix, sha256, role) "
    "VALUES ('n', 'p', '\\x00', 'admin')",
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
async def test_the_database_refuses(database: Database, what: str) -> None:
    await execute(database, ROWS)
    with pytest.raises(IntegrityError):
        await execute(database, BAD[what])


async def test_phases_may_change_places_in_one_transaction(database: Database) -> None:
    await execute(database, ROWS)
    await execute(database, "UPDATE phase_configurations SET position = 1 - position")


async def test_deleting_a_definition_deletes_its_phases(database: Database) -> None:
    await execute(database, ROWS)
    await execute(database, "DELETE FROM pipeline_definitions")
    async with database.transaction() as session:
        assert (await session.execute(text("SELECT count(*) FROM phase_configurations"))).scalar_one() == 0


async def execute(database: Database, statements: str) -> None:
    async with database.transaction() as session:
        for statement in statements.replace("'ID'", f"'{ID}'").replace("'SHA'", f"'{SHA}'").split(";"):
            if statement.strip():
                await session.execute(text(statement))
