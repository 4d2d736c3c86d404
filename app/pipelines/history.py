"""What happened to a run before this worker took it, as far as the next phases need it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from app.pipelines.phases.kind import Decided
from app.pipelines.project import ProjectSpec
from app.tables import MovedBase, TestAdapter, WaitReason
from app.workspace.gates.gate import gate_of, removed

ARTIFACTS = "SELECT name, body FROM artifacts WHERE pipeline_id = %s AND current ORDER BY id"
REJECTIONS = """
    SELECT phase, detail->'issues' AS issues FROM phase_runs
    WHERE pipeline_id = %s AND outcome IN ('rejected', 'suspect') ORDER BY id
"""
DECISIONS = """
    SELECT reason, subject, round, decision = 'granted' AS granted, coalesce(decided_by, '') AS decided_by,
           comment, data, content_sha256
    FROM waits WHERE pipeline_id = %s AND decision <> 'open' ORDER BY id
"""
WORKER_DIED = "worker_died"
"""No worker wrote down why it ended."""
IN_VAIN = """
    SELECT coalesce(detail->>'code', 'worker_died') AS code, count(*) AS times FROM phase_runs
    WHERE pipeline_id = %s AND outcome = 'abandoned'
      AND id > (SELECT coalesce(max(id), 0) FROM phase_runs AS closed
                WHERE closed.pipeline_id = phase_runs.pipeline_id AND outcome NOT IN ('running', 'abandoned'))
    GROUP BY 1
"""

PROJECT = """
    SELECT id, name, path, test_command, python, protected_paths, permitted_paths, test_adapter,
           setup_command, sandbox, push_to, on_moved_base, base_branch, gates,
           (SELECT coalesce(jsonb_agg(to_jsonb(gate)), '[]') FROM gates AS gate
            WHERE projects.gates ? gate.name) AS gate_rows
    FROM projects WHERE id = %s
"""


@dataclass
class History:
    """Grows while the run is walked."""

    artifacts: dict[str, Any] = field(default_factory=dict)
    """Name → body of the current version."""
    rejections: Counter[str] = field(default_factory=Counter)
    """How often each phase sent the work back."""
    issues: tuple[Mapping[str, str], ...] = ()
    """What the last rejection found."""
    decisions: tuple[Decided, ...] = ()
    in_vain: Counter[str] = field(default_factory=Counter)
    """How often the phase that is next was begun in vain, by the code of why."""


async def load(connection: psycopg.AsyncConnection, pipeline_id: UUID) -> History:
    """All of it, by four short queries."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        artifacts = await (await cursor.execute(ARTIFACTS, (pipeline_id,))).fetchall()
        rejections = await (await cursor.execute(REJECTIONS, (pipeline_id,))).fetchall()
        decisions = await (await cursor.execute(DECISIONS, (pipeline_id,))).fetchall()
        in_vain = await (await cursor.execute(IN_VAIN, (pipeline_id,))).fetchall()
    return History(
        artifacts={row["name"]: row["body"] for row in artifacts},
        rejections=Counter(row["phase"] for row in rejections),
        issues=tuple(rejections[-1]["issues"] or ()) if rejections else (),
        decisions=tuple(
            Decided(
                reason=WaitReason(row["reason"]),
                subject=row["subject"],
                round=row["round"],
                granted=row["granted"],
                by=row["decided_by"],
                comment=row["comment"],
                data=row["data"],
                content_sha256=row["content_sha256"],
            )
            for row in decisions
        ),
        in_vain=Counter({row["code"]: row["times"] for row in in_vain}),
    )


async def project(connection: psycopg.AsyncConnection, project_id: int) -> ProjectSpec | None:
    """The repository as it is configured now."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        row = await (await cursor.execute(PROJECT, (project_id,))).fetchone()
    if row is None:
        return None
    found = {gate["name"]: gate_of(gate) for gate in row["gate_rows"]}
    return ProjectSpec(
        id=row["id"],
        name=row["name"],
        path=row["path"],
        test_command=tuple(row["test_command"]),
        python=row["python"],
        protected_paths=tuple(row["protected_paths"]),
        permitted_paths=tuple(row["permitted_paths"]),
        test_adapter=TestAdapter(row["test_adapter"]),
        setup_command=None if row["setup_command"] is None else tuple(row["setup_command"]),
        sandbox=row["sandbox"],
        gates=tuple(found.get(name) or removed(name) for name in row["gates"]),
        push_to=row["push_to"],
        on_moved_base=MovedBase(row["on_moved_base"]),
        base_branch=row["base_branch"],
    )
