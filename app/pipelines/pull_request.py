"""The body of a pull request, made of all that a run found, by a template and at no token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.artifacts import store as artifacts
from app.errors import Conflict
from app.pipelines.code import CODE_ARTIFACT, files_of
from app.pipelines.snapshot import Snapshot
from app.tables import Pipeline
from app.usage import reports

NAME = "pull_request"


async def facts(session: AsyncSession, run: Pipeline, snapshot: Snapshot) -> dict[str, Any]:
    """What the template gets as its artifact. Raises `Conflict` while the run has written nothing."""
    made = await artifacts.current(session, run.id)
    files = _files(made, _of_kind(snapshot, made, "commit"))
    if not files:
        raise Conflict("the run has written no file so far, so there is nothing to propose", state=run.state)
    epic, tests = made.get("epic"), _of_kind(snapshot, made, "tests")
    return {
        "title": epic["title"] if epic else run.epic_description.splitlines()[0],
        "epic": epic,
        "architecture": made.get("architecture"),
        "files": files,
        "tests": tests and {"gates": [], **tests},
        "qa": made.get("qa_report"),
        "commit": _commit(_of_kind(snapshot, made, "commit")),
        "cost": await _cost(session, run.id),
        "prompts": list(await reports.prompts(session, run.id)),
    }


def _of_kind(snapshot: Snapshot, made: Mapping[str, Any], kind: str) -> Any:
    """What the last phase of the kind has made; None: nothing."""
    names = [phase.artifact for phase in snapshot.phases if phase.kind == kind and phase.artifact in made]
    return made[str(names[-1])] if names else None


def _files(made: Mapping[str, Any], commit: Any) -> list[dict[str, str]]:
    if commit is not None:
        return list(commit["files"])
    return [{"status": "", "path": file.path} for file in files_of(made.get(CODE_ARTIFACT))]


def _commit(record: Any) -> Any:
    return None if record is None else {"base": None, **record}


async def _cost(session: AsyncSession, run: UUID) -> str:
    bill = await reports.total(session, run)
    unknown = f" and {bill.unpriced} calls of unknown price" if bill.unpriced else ""
    return f"${bill.cost_usd:.4f}{unknown}"
