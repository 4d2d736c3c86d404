"""Limits of model calls across all workers: rows, slots, rates, and the functions that grant slots."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

LEVEL = """
    CREATE FUNCTION call_rate_level(level double precision, per_minute integer, since timestamptz)
    RETURNS double precision LANGUAGE sql STABLE AS $$
        SELECT greatest(0, level - extract(epoch FROM clock_timestamp() - since) * per_minute / 60)
    $$
"""
"""What is left in a bucket. With no rate it is empty: `greatest` passes over NULL."""

STATES = """
    CREATE FUNCTION call_limit_states()
    RETURNS TABLE (name text, in_use bigint, waiting bigint, opens_in double precision, is_open boolean)
    LANGUAGE sql STABLE AS $$
        SELECT limits.name, slots.in_use, slots.waiting, rates.opens_in,
               slots.in_use < coalesce(limits.max_concurrent, slots.in_use + 1) AND rates.opens_in <= 0
        FROM call_limits AS limits
        CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE granted_at IS NOT NULL) AS in_use,
                   count(*) FILTER (WHERE granted_at IS NULL) AS waiting
            FROM call_slots WHERE limits.name IN (backend, profile)
        ) AS slots
        CROSS JOIN LATERAL (
            SELECT coalesce(max(greatest(
                0,
                call_rate_level(requests, limits.requests_per_minute, at)
                    / limits.requests_per_minute * 60 - 6,
                call_rate_level(tokens, limits.tokens_per_minute, at)
                    / limits.tokens_per_minute * 60 - 6
            )), 0) AS opens_in
            FROM call_rates WHERE call_rates.name = limits.name
        ) AS rates
    $$
"""
"""A bucket may hold six seconds' worth before it is closed, so that calls need not come one by one."""

CHARGE = """
    CREATE FUNCTION charge_call(slot call_slots) RETURNS void LANGUAGE sql AS $$
        INSERT INTO call_rates AS rate (name, requests, tokens, at)
        SELECT limits.name, 1, slot.tokens, clock_timestamp() FROM call_limits AS limits
        WHERE limits.name IN (slot.backend, slot.profile)
          AND num_nonnulls(limits.requests_per_minute, limits.tokens_per_minute) > 0
        ON CONFLICT (name) DO UPDATE SET
            requests = excluded.requests + call_rate_level(rate.requests, (
                SELECT requests_per_minute FROM call_limits WHERE call_limits.name = rate.name), rate.at),
            tokens = excluded.tokens + call_rate_level(rate.tokens, (
                SELECT tokens_per_minute FROM call_limits WHERE call_limits.name = rate.name), rate.at),
            at = excluded.at
    $$
"""

GRANT = """
    CREATE FUNCTION grant_call_slots(asker text) RETURNS uuid[] LANGUAGE plpgsql AS $$
    DECLARE
        best call_slots;
        granted uuid[] := '{}';
    BEGIN
        DELETE FROM call_slots WHERE expires_at < clock_timestamp();
        LOOP
            WITH closed AS (
                SELECT name FROM call_limit_states() WHERE NOT is_open
            ), flying AS (
                SELECT backend, batch, count(*) AS calls FROM call_slots WHERE granted_at IS NOT NULL GROUP BY 1, 2
            )
            SELECT slots.* INTO best FROM call_slots AS slots LEFT JOIN flying USING (backend, batch)
            WHERE slots.granted_at IS NULL
              AND slots.backend NOT IN (SELECT name FROM closed)
              AND slots.profile NOT IN (SELECT name FROM closed)
            ORDER BY slots.priority DESC, coalesce(flying.calls, 0), slots.turn, slots.asked_at, slots.id
            LIMIT 1;
            EXIT WHEN NOT FOUND;
            UPDATE call_slots SET granted_at = clock_timestamp() WHERE id = best.id;
            PERFORM charge_call(best);
            IF best.worker = asker THEN
                granted := granted || best.id;
            ELSE
                PERFORM pg_notify('workbench_slots', best.id::text);
            END IF;
        END LOOP;
        RETURN granted;
    END $$
"""
"""Grants as many slots as there is room for. Returns those of the asker; others are notified."""

ASK = """
    CREATE FUNCTION ask_call_slot(
        slot uuid, asker text, of_backend text, of_profile text, of_batch text, at_priority integer,
        most_tokens bigint, lifetime interval
    ) RETURNS TABLE (is_limited boolean, granted uuid[], opens_in double precision) LANGUAGE plpgsql AS $$
    DECLARE
        made call_slots;
    BEGIN
        IF NOT EXISTS (SELECT FROM call_limits WHERE name IN (of_backend, of_profile)) THEN
            RETURN QUERY SELECT false, '{}'::uuid[], 0::double precision;
            RETURN;
        END IF;
        PERFORM pg_advisory_xact_lock(hashtext('call_slots'));
        INSERT INTO call_slots
            (id, worker, backend, profile, batch, priority, turn, tokens, granted_at, expires_at)
        SELECT slot, asker, of_backend, of_profile, of_batch, at_priority,
            coalesce(greatest(
                max(others.turn) FILTER (WHERE others.granted_at IS NOT NULL),
                max(others.turn) FILTER (WHERE others.granted_at IS NULL AND others.batch = of_batch)
            ), min(others.turn) - 1, 0) + 1,
            most_tokens,
            CASE WHEN NOT EXISTS (SELECT FROM call_slots WHERE granted_at IS NULL) AND NOT EXISTS (
                SELECT FROM call_limit_states() WHERE name IN (of_backend, of_profile) AND NOT is_open
            ) THEN clock_timestamp() END,
            clock_timestamp() + lifetime
        FROM call_slots AS others WHERE others.backend = of_backend AND others.priority = at_priority
        RETURNING * INTO made;
        IF made.granted_at IS NOT NULL THEN
            PERFORM charge_call(made);
            RETURN QUERY SELECT true, ARRAY[slot], 0::double precision;
        ELSE
            RETURN QUERY SELECT true, grant_call_slots(asker), (
                SELECT max(states.opens_in) FROM call_limit_states() AS states
                WHERE states.name IN (of_backend, of_profile)
            );
        END IF;
    END $$
"""
"""Every statement here takes its own snapshot, so what is counted is what stands once the lock is held."""

RELEASE = """
    CREATE FUNCTION release_call_slot(slot uuid, asker text, unused_tokens bigint)
    RETURNS uuid[] LANGUAGE plpgsql AS $$
    DECLARE
        gone call_slots;
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtext('call_slots'));
        DELETE FROM call_slots WHERE id = slot RETURNING * INTO gone;
        IF gone.granted_at IS NOT NULL AND unused_tokens > 0 THEN
            UPDATE call_rates SET tokens = greatest(0, tokens - unused_tokens)
            WHERE name IN (gone.backend, gone.profile);
        END IF;
        IF EXISTS (SELECT FROM call_slots WHERE granted_at IS NULL) THEN
            RETURN grant_call_slots(asker);
        END IF;
        RETURN '{}';
    END $$
"""

KEEP = """
    CREATE FUNCTION keep_call_slots(asker text, lifetime interval)
    RETURNS TABLE (id uuid, is_granted boolean) LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtext('call_slots'));
        UPDATE call_slots SET expires_at = clock_timestamp() + lifetime WHERE worker = asker;
        IF EXISTS (SELECT FROM call_slots WHERE granted_at IS NULL) THEN
            PERFORM grant_call_slots(asker);
        END IF;
        RETURN QUERY SELECT slots.id, slots.granted_at IS NOT NULL FROM call_slots AS slots WHERE worker = asker;
    END $$
"""


def upgrade() -> None:
    op.create_table(
        "call_limits",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("max_concurrent", sa.Integer(), nullable=True),
        sa.Column("requests_per_minute", sa.Integer(), nullable=True),
        sa.Column("tokens_per_minute", sa.Integer(), nullable=True),
        sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "name ~ '^(backend|profile):[a-z0-9][a-z0-9._-]{0,63}$'",
            name=op.f("ck_call_limits_name_is_a_name"),
        ),
        sa.CheckConstraint("max_concurrent > 0", name=op.f("ck_call_limits_max_concurrent_positive")),
        sa.CheckConstraint(
            "requests_per_minute > 0", name=op.f("ck_call_limits_requests_per_minute_positive")
        ),
        sa.CheckConstraint("tokens_per_minute > 0", name=op.f("ck_call_limits_tokens_per_minute_positive")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_call_limits")),
    )
    op.create_table(
        "call_slots",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("backend", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column(
            "asked_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("priority BETWEEN 0 AND 2", name=op.f("ck_call_slots_priority_is_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_slots")),
        prefixes=["UNLOGGED"],
    )
    op.create_table(
        "call_rates",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("requests", sa.Double(), nullable=False),
        sa.Column("tokens", sa.Double(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_call_rates")),
        prefixes=["UNLOGGED"],
    )
    for function in (LEVEL, STATES, CHARGE, GRANT, ASK, RELEASE, KEEP):
        op.execute(function)


def downgrade() -> None:
    for function in (
        "keep_call_slots",
        "release_call_slot",
        "ask_call_slot",
        "grant_call_slots",
        "charge_call",
        "call_limit_states",
        "call_rate_level",
    ):
        op.execute(f"DROP FUNCTION {function}")
    op.drop_table("call_rates")
    op.drop_table("call_slots")
    op.drop_table("call_limits")
