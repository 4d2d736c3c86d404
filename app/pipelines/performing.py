"""Performs one phase: the slow part of a walk, with no transaction open."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from app.db import LOST, first_line
from app.digests import storable
from app.errors import Forbidden, WorkbenchError, unknown
from app.llm.errors import LLMError
from app.pipelines.leases import StaleFence
from app.pipelines.phases.kind import NeedsAccess, PhaseContext, PhaseKind, PhaseResult, Waiting
from app.pipelines.snapshot import PhaseSpec
from app.tables import Outcome, WaitReason
from app.workspace.branch import BranchLocked
from app.workspace.git import GitError
from app.workspace.writer import WriteFailed

log = logging.getLogger(__name__)

DATABASE_LOST = "database_lost"
LOCAL_FAULT = "local_fault"
RETRY_AFTER_S = "retry_after_s"
"""In the details of an error."""
LOCAL = (OSError, GitError, BranchLocked, WriteFailed)


class AccessRefused(Forbidden):
    """A person refused what the phase asked for."""

    code = "access_refused"


async def perform(kinds: Mapping[str, PhaseKind], context: PhaseContext, *, again: bool) -> PhaseResult:
    """A typed error is the phase's result; anything else is a fault of ours.

    `again`: what may be a passing fault of this machine abandons the phase, so that it is tried once more.
    Raises `StaleFence` when the phase found out that another worker has the run.
    """
    spec = context.spec
    try:
        _check_access(context)
        return _checked(spec, await _kind(kinds, spec.kind).run(context))
    except Waiting as waiting:
        return PhaseResult(Outcome.WAITING, asks=waiting.ask)
    except StaleFence:
        raise
    except LOST as error:
        log.warning("phase %s lost the database: %s", spec.name, first_line(error))
        return PhaseResult(Outcome.ABANDONED, detail={"code": DATABASE_LOST})
    except Exception as error:
        if again and _may_pass(error):
            log.warning("phase %s is tried again: %s", spec.name, first_line(error))
            return _result(Outcome.ABANDONED, {"code": LOCAL_FAULT, "message": first_line(error)[:500]})
        if isinstance(error, WorkbenchError):
            return failure(error.code, error.message, _details(error))
        log.exception("phase %s of pipeline %s", spec.name, context.pipeline_id)
        return failure("internal", f"{type(error).__name__}: {error}"[:500], {})


def failure(code: str, message: str, details: Mapping[str, Any]) -> PhaseResult:
    return _result(Outcome.FAILED, {"code": code, "message": message, "details": dict(details)})


def _result(outcome: Outcome, detail: dict[str, Any]) -> PhaseResult:
    return PhaseResult(outcome, detail=storable(detail))


def _details(error: WorkbenchError) -> Mapping[str, Any]:
    """With how long the server wants to be left alone, where it said so: who tries again minds it."""
    if isinstance(error, LLMError) and error.retry_after_s is not None:
        return {**error.details, RETRY_AFTER_S: error.retry_after_s}
    return error.details


def _may_pass(error: Exception) -> bool:
    """A file or a git command failed: something was full, locked or killed, for a moment perhaps."""
    return isinstance(error, LOCAL) or isinstance(error.__cause__, GitError)


def _kind(kinds: Mapping[str, PhaseKind], name: str) -> PhaseKind:
    if name not in kinds:
        raise unknown("phase kind", name, kinds)
    return kinds[name]


def _checked(spec: PhaseSpec, result: PhaseResult) -> PhaseResult:
    if result.artifact is not None and (spec.artifact is None or spec.output is None):
        raise ValueError(f"phase {spec.name} made an artifact but its configuration names none")
    return result


def _check_access(context: PhaseContext) -> None:
    """Every permission that the phase names is granted, and no budget is refused.

    Raises `NeedsAccess` or `AccessRefused`.
    """
    for one in context.decisions:
        if one.reason is WaitReason.BUDGET and not one.granted:
            raise AccessRefused(f"{one.by} refused more of {one.subject!r}: {one.comment or 'no comment'}")
    for permission in context.spec.needs:
        decided = context.decided(WaitReason.ACCESS, permission)
        if decided is None:
            raise NeedsAccess(permission, f"phase {context.spec.name} is configured to need it")
        if not decided.granted:
            raise AccessRefused(f"{decided.by} refused {permission!r}: {decided.comment or 'no comment'}")
