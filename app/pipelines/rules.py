"""What holds for all runs at any time, whatever died on the way: each rule with a query for its breaches."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """An invariant that one query decides."""

    name: str
    means: str
    query: str
    """Returns (subject, what) of each breach. May read `phases`; `:patience` and `:alive` are seconds."""


PHASES = """
    SELECT sha256, phase.number - 1 AS place, phase.body->>'name' AS name, phase.body->>'kind' AS kind,
           phase.body->>'artifact' AS artifact, phase.body->>'on_reject' AS on_reject,
           jsonb_array_length(definition_snapshots.body->'phases') AS length
    FROM definition_snapshots, jsonb_array_elements(body->'phases') WITH ORDINALITY AS phase (body, number)
"""
"""Every phase of every snapshot, once."""

ONE_END = """
    WITH ends AS (
        SELECT pipeline_id, count(*) AS times, max(seq) AS last, min(kind) AS kind
        FROM events WHERE kind IN ('succeeded', 'failed', 'cancelled') GROUP BY pipeline_id
    ),
    later AS (
        SELECT events.pipeline_id, count(*) AS number FROM events JOIN ends USING (pipeline_id)
        WHERE seq > last AND events.kind IN ('pushed', 'push_failed', 'discarded') GROUP BY 1
    )
    SELECT id::text AS subject,
           format('is %s, with %s events of an end, number %s of %s', state, coalesce(times, 0), last,
                  event_count) AS what
    FROM pipelines LEFT JOIN ends ON ends.pipeline_id = id LEFT JOIN later ON later.pipeline_id = id
    WHERE CASE WHEN finished_at IS NULL THEN times > 0
               ELSE pruned_at IS NULL AND (times, last, ends.kind)
                    IS DISTINCT FROM (1, event_count - coalesce(number, 0), state) END
"""
"""After its end a run is only pushed, or discarded."""

NOT_FORGOTTEN = """
    WITH work AS (
        SELECT convert_from(payload, 'UTF8') AS run FROM pgqueuer
        WHERE entrypoint = 'run_pipeline' AND status IN ('queued', 'picked')
    ),
    patience AS (SELECT clock_timestamp() - make_interval(secs => :patience) AS since)
    SELECT id::text AS subject,
           format('is %s since %s, and no worker comes', state,
                  coalesce(lease_expires_at, updated_at)) AS what
    FROM pipelines, patience
    WHERE EXISTS (SELECT FROM workers WHERE seen_at > clock_timestamp() - make_interval(secs => :alive))
      AND (state = 'running' AND lease_expires_at < since
           OR state = 'queued' AND updated_at < since AND id::text NOT IN (SELECT run FROM work))
    UNION ALL
    SELECT id::text, 'is running, and nobody holds it'
    FROM pipelines WHERE state = 'running' AND worker IS NULL
"""

ONE_OPEN_PHASE = """
    SELECT pipelines.id::text AS subject,
           format('is %s, and its phase %s is running', state,
                  string_agg(phase, ', ' ORDER BY phase_runs.id)) AS what
    FROM phase_runs JOIN pipelines ON pipelines.id = pipeline_id
    WHERE outcome = 'running' GROUP BY pipelines.id
    HAVING state <> 'running' OR count(*) > count(DISTINCT item) OR max(phase_runs.fence) > pipelines.fence
"""

COUNTED_TRIES = """
    SELECT pipeline_id::text AS subject,
           format('%s (round %s) has %s tries, the last is number %s', phase, round, count(*),
                  max(try)) AS what
    FROM phase_runs GROUP BY pipeline_id, phase, item, round
    HAVING count(*) <> max(try) + 1 OR count(DISTINCT try) <> count(*)
"""

PHASES_IN_ORDER = """
    WITH steps AS (
        SELECT run.id, run.state, run.position, run.round AS reached, run.retry_of, here.place, here.length,
               here.name, step.phase, step.round, step.outcome,
               CASE WHEN outcome = 'passed' THEN here.place + 1
                    WHEN outcome IN ('rejected', 'suspect') THEN back.place ELSE here.place END AS goes_to,
               step.round + (outcome IN ('rejected', 'suspect'))::int AS goes_in,
               lag(step.id) OVER walk IS NULL AS is_first, lead(step.id) OVER walk IS NULL AS is_last,
               lead(here.place) OVER walk AS next_place, lead(step.round) OVER walk AS next_round
        FROM phase_runs AS step JOIN pipelines AS run ON run.id = step.pipeline_id
        LEFT JOIN phases AS here ON here.sha256 = run.snapshot AND here.name = step.phase
        LEFT JOIN phases AS back ON back.sha256 = run.snapshot AND back.name = here.on_reject
        WHERE step.item = ''
        WINDOW walk AS (PARTITION BY step.pipeline_id ORDER BY step.id)
    )
    SELECT id::text AS subject, format('its snapshot has no phase %s', phase) AS what
    FROM steps WHERE name IS NULL
    UNION ALL
    SELECT id::text, format('began with phase %s in round %s', phase, round) FROM steps
    WHERE is_first AND (round > 0 OR place > 0 AND retry_of IS NULL)
    UNION ALL
    SELECT id::text, format('went from phase %s (%s, round %s) to number %s in round %s', phase, outcome,
                            round, next_place, next_round)
    FROM steps WHERE NOT is_last
      AND (outcome IN ('failed', 'cancelled') OR (next_place, next_round) IS DISTINCT FROM (goes_to, goes_in))
    UNION ALL
    SELECT id::text, format('is %s at %s in round %s after %s (%s, round %s)', state, position, reached,
                            phase, outcome, round)
    FROM steps WHERE is_last AND name IS NOT NULL AND CASE state
        WHEN 'succeeded' THEN outcome <> 'passed' OR (position, reached) IS DISTINCT FROM (length, round)
        WHEN 'failed' THEN (position, reached) NOT IN ((coalesce(goes_to, place), goes_in), (place, round))
        WHEN 'cancelled' THEN (position, reached) NOT IN ((coalesce(goes_to, place), goes_in), (place, round))
        ELSE (position, reached) IS DISTINCT FROM (goes_to, goes_in) END
    UNION ALL
    SELECT id::text, format('is %s at %s in round %s, and no phase ran', state, position, round)
    FROM pipelines
    WHERE (state = 'succeeded' OR round > 0 OR position > 0 AND retry_of IS NULL)
      AND NOT EXISTS (SELECT FROM phase_runs WHERE pipeline_id = pipelines.id)
"""

ONE_CURRENT = """
    SELECT pipeline_id::text AS subject,
           format('%s has %s versions, the newest is %s, and %s of them are current', name, count(*),
                  max(version), count(*) FILTER (WHERE current)) AS what
    FROM artifacts JOIN pipelines ON pipelines.id = pipeline_id
    GROUP BY pipeline_id, name
    HAVING count(*) FILTER (WHERE current) <> 1 OR max(version) FILTER (WHERE current) <> max(version)
        OR count(DISTINCT version) <> count(*)
        OR bool_and(pruned_at IS NULL) AND max(version) <> count(*)
"""

MADE_BY_PHASES = """
    WITH steps AS (
        SELECT step.id, step.pipeline_id, step.outcome, step.phase, phases.artifact,
               pruned_at IS NULL AS is_whole
        FROM phase_runs AS step JOIN pipelines ON pipelines.id = step.pipeline_id
        JOIN phases ON phases.sha256 = snapshot AND phases.name = step.phase
    )
    SELECT artifacts.pipeline_id::text AS subject,
           format('%s version %s comes from phase run %s (%s)', artifacts.name, version, phase_run_id,
                  coalesce(outcome, 'unknown')) AS what
    FROM artifacts LEFT JOIN steps ON steps.id = phase_run_id
    WHERE phase_run_id IS NOT NULL
      AND ((steps.pipeline_id, steps.artifact) IS DISTINCT FROM (artifacts.pipeline_id, artifacts.name)
           OR outcome NOT IN ('passed', 'rejected', 'suspect', 'failed'))
    UNION ALL
    SELECT steps.pipeline_id::text,
           format('phase run %s of %s passed and made %s artifacts', steps.id, phase, count(artifacts.id))
    FROM steps LEFT JOIN artifacts ON phase_run_id = steps.id
    WHERE outcome = 'passed' AND artifact IS NOT NULL AND is_whole
    GROUP BY steps.pipeline_id, steps.id, phase HAVING count(artifacts.id) <> 1
"""

GAPLESS_EVENTS = """
    SELECT id::text AS subject,
           format('has %s events from %s to %s, and counted %s', count(seq), min(seq), max(seq),
                  event_count) AS what
    FROM pipelines LEFT JOIN events ON pipeline_id = id
    WHERE pruned_at IS NULL GROUP BY id
    HAVING (count(seq), coalesce(min(seq), 1), coalesce(max(seq), 0))
        IS DISTINCT FROM (event_count, 1, event_count)
"""

LEDGER_ADDS_UP = """
    SELECT coalesce(pipeline_id::text, 'no run') AS subject,
           format('call %s ended %s and has no tokens', id, outcome) AS what
    FROM pipeline_prompt_usage
    WHERE outcome IN ('ok', 'invalid_answer', 'not_accepted') AND output_tokens IS NULL
    UNION ALL
    SELECT answer.pipeline_id::text, format('call %s has other tokens than its answer', usage.id)
    FROM model_answers AS answer JOIN pipeline_prompt_usage AS usage ON usage.id = usage_id
    WHERE (input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, thinking_tokens)
        IS DISTINCT FROM (
            (answer->'tokens'->>'input')::int, (answer->'tokens'->>'cache_read')::int,
            (answer->'tokens'->>'cache_write')::int, (answer->'tokens'->>'output')::int,
            (answer->'tokens'->>'thinking')::int
        )
    UNION ALL
    SELECT usage.pipeline_id::text,
           format('call %s is open, and phase run %s went on without it', usage.id, step.id)
    FROM pipeline_prompt_usage AS usage JOIN phase_runs AS step ON step.id = phase_run_id
    WHERE usage.outcome = 'open' AND step.outcome IN ('passed', 'rejected', 'suspect')
      AND NOT EXISTS (
        SELECT FROM pipeline_prompt_usage AS other
        WHERE other.pipeline_id = usage.pipeline_id AND other.id <> usage.id
          AND (other.id > usage.id OR other.settled_at > usage.started_at)
          AND (other.phase, other.item, other.round, other.step)
              = (usage.phase, usage.item, usage.round, usage.step)
      )
"""
"""A lost reply is made up for by a later call, or by that of a worker thought dead, answered after all."""

PAID_ONCE = """
    SELECT answer.pipeline_id::text AS subject,
           format('call %s asked what call %s had answered before', again.id, first.id) AS what
    FROM model_answers AS answer JOIN pipeline_prompt_usage AS first ON first.id = usage_id
    JOIN pipeline_prompt_usage AS again ON again.pipeline_id = answer.pipeline_id
     AND again.request_digest = answer.request_digest AND again.id <> first.id
     AND (again.phase, again.item, again.round, again.step)
         = (answer.phase, answer.item, answer.round, answer.step)
    WHERE again.started_at > first.settled_at
"""

BUDGETS_COVER = """
    WITH calls AS (
        SELECT unnest(budgets) AS name, outcome = 'open' OR output_tokens IS NULL AS is_open, reserved_usd,
               reserved_tokens, cost_usd,
               input_tokens + cache_read_tokens + cache_write_tokens + output_tokens AS tokens
        FROM pipeline_prompt_usage WHERE budgets <> '{}'
    ),
    covered AS (
        SELECT name, coalesce(sum(CASE WHEN is_open THEN reserved_usd ELSE cost_usd END), 0) AS usd,
               sum(CASE WHEN is_open THEN reserved_tokens ELSE tokens END) AS tokens
        FROM calls GROUP BY name
    )
    SELECT name AS subject,
           format('has $%s and %s tokens, its calls took $%s and %s', reserved_usd + spent_usd,
                  reserved_tokens + spent_tokens, usd, covered.tokens) AS what
    FROM budgets JOIN covered USING (name)
    WHERE reserved_usd + spent_usd < usd OR reserved_tokens + spent_tokens < covered.tokens
"""

ONE_OPEN_WAIT = """
    WITH undecided AS (
        SELECT pipeline_id, count(*) AS times, min(reason) AS reason
        FROM waits WHERE decision = 'open' GROUP BY pipeline_id
    )
    SELECT id::text AS subject,
           format('is %s%s, with %s open waits', state, ' (' || pipelines.reason || ')',
                  coalesce(times, 0)) AS what
    FROM pipelines LEFT JOIN undecided ON pipeline_id = id
    WHERE state = 'waiting' AND (times > 1 OR undecided.reason <> pipelines.reason)
       OR state = 'waiting' AND times IS NULL
          AND updated_at < clock_timestamp() - make_interval(secs => :patience)
       OR finished_at IS NOT NULL AND times > 0
"""

INTENDED = """
    WITH commits AS (
        SELECT artifacts.pipeline_id, body->>'branch' AS branch, body->>'parent' AS parent
        FROM artifacts JOIN phase_runs ON phase_runs.id = phase_run_id WHERE current AND kind = 'commit'
    )
    SELECT id::text AS subject, 'succeeded, and its commit is not as it was intended' AS what
    FROM pipelines LEFT JOIN commit_intents AS intent ON intent.pipeline_id = id
    LEFT JOIN commits ON commits.pipeline_id = id
    WHERE state = 'succeeded' AND (retry_of IS NULL OR intent.branch IS NOT NULL)
      AND snapshot IN (SELECT sha256 FROM phases WHERE kind = 'commit')
      AND ((intent.branch, intent.parent) IS DISTINCT FROM (commits.branch, commits.parent)
           OR commits.branch IS NULL)
    UNION ALL
    SELECT id::text, 'was cancelled after it had the intent to commit'
    FROM pipelines JOIN commit_intents ON pipeline_id = id WHERE state = 'cancelled'
"""

PUSHES_FIT = """
    WITH commits AS (
        SELECT artifacts.pipeline_id, body->>'branch' AS branch, body->>'commit' AS commit
        FROM artifacts JOIN phase_runs ON phase_runs.id = phase_run_id WHERE current AND kind = 'commit'
    )
    SELECT pushes.pipeline_id::text AS subject,
           format('%s %s at %s, and its commit is %s on %s', pushes.state, pushes.branch, pushes.commit,
                  coalesce(commits.commit, 'none'), coalesce(commits.branch, intent.branch, 'none')) AS what
    FROM pushes LEFT JOIN commit_intents AS intent USING (pipeline_id) LEFT JOIN commits USING (pipeline_id)
    WHERE intent.branch IS DISTINCT FROM pushes.branch
       OR commits.commit <> pushes.commit
       OR pushes.branch <> 'workbench/' || pushes.pipeline_id
"""

RULES = (
    Rule(
        "one end",
        "a finished run has one event of its end, and after it at most that it was pushed or discarded; "
        "a live run has none",
        ONE_END,
    ),
    Rule("nobody is forgotten", "a run that wants a worker gets one while any lives", NOT_FORGOTTEN),
    Rule("one open phase", "only a running run has a running phase run, and one at most", ONE_OPEN_PHASE),
    Rule("counted tries", "the tries of a phase in a round are numbered from 0 without gaps", COUNTED_TRIES),
    Rule(
        "phases in order",
        "each phase run follows from the one before, and the run stands where they lead",
        PHASES_IN_ORDER,
    ),
    Rule(
        "one current artifact",
        "versions are numbered from 1 without gaps, and the newest is current",
        ONE_CURRENT,
    ),
    Rule(
        "artifacts from phases",
        "each phase run that passed made its artifact, once, and nobody else did",
        MADE_BY_PHASES,
    ),
    Rule("gapless events", "the events of a run are numbered from 1 without gaps", GAPLESS_EVENTS),
    Rule(
        "ledger adds up",
        "settled calls have the tokens of their answers; open ones are lost replies",
        LEDGER_ADDS_UP,
    ),
    Rule("paid once", "no question is asked again whose answer is stored", PAID_ONCE),
    Rule(
        "budgets cover the ledger",
        "no budget has less reserved and spent than the calls that are counted in it",
        BUDGETS_COVER,
    ),
    Rule("one open wait", "a waiting run waits for one thing; a finished one for nothing", ONE_OPEN_WAIT),
    Rule("intended commits", "a run commits what it intended, and is not cancelled after that", INTENDED),
    Rule("pushed as committed", "only the commit of a run is pushed, and only to its own branch", PUSHES_FIT),
)
"""Runs whose history was pruned are left out where the history is what counts."""
