"""Performs one phase: the slow part of a walk, with no transaction open."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from app.db import LOST, first_line
from app.digests import storable
from app.errors import Forbidden, WorkbenchError, unknown
from app.pipelines.leases import StaleFence
from app.pipelines.phases.kind import NeedsAccess, PhaseContext, PhaseKind, PhaseResult, Waiting
from app.pipelines.snapshot import PhaseSpec
from app.tables import Outcome, WaitReason

log = logging.getLogger(__name__)

DATABASE_LOST = "database_lost"


class AccessRefused(Forbidden):
    """A person refused what the phase asked for."""

    code = "access_refused"


async def perform(kinds: Mapping[str, PhaseKind], context: PhaseContext) -> PhaseResult:
    """A typed error is the phase's result; anything else is a fault of ours.

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
    except WorkbenchError as error:
        return failure(error.code, error.message, error.details)
    except Exception as error:
        log.exception("phase %s of pipeline %s", spec.name, context.pipeline_id)
        return failure("internal", f"{type(error).__name__}: {error}"[:500], {})


def failure(code: str, message: str, details: Mapping[str, Any]) -> PhaseResult:
    return PhaseResult(
        Outcome.FAILED, detail=storable({"code": code, "message": message, "details": dict(details)})
    )


def _kind(kinds: Mapping[str, PhaseKind], name: str) -> PhaseKind:
    if name not in kinds:
        raise unknown("phase kind", name, kinds)
    return kinds[name]


def _checked(spec: PhaseSpec, result: PhaseResult) -> PhaseResult:
    if result.artifact is not None and (spec.artifact is None or spec.output is None):
        raise ValueError(f"phase {spec.name} made an artifact but its configuration names none")
    return result


def _check_access(context: PhaseContext) -> None:
    """Every permission that the phase names is granted. Raises `NeedsAccess` or `AccessRefused`."""
    for permission in context.spec.needs:
        decided = context.decided(WaitReason.ACCESS, permission)
        if decided is None:
            raise NeedsAccess(permission, f"phase {context.spec.name} is configured to need it")
        if not decided.granted:
            raise AccessRefused(f"{decided.by} refused {permission!r}: {decided.comment or 'no comment'}")
