"""What testing asks of the run that it is for: permissions of a person, and to be heard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from app.errors import Forbidden
from app.pipelines.environments import SetupNotPermitted
from app.pipelines.phases.kind import JSON, NeedsAccess, PhaseContext
from app.pipelines.trial import Progress
from app.tables import WaitReason


def granted(context: PhaseContext) -> frozenset[str]:
    """The permissions that the run has."""
    return frozenset(
        one.subject for one in context.decisions if one.reason is WaitReason.ACCESS and one.granted
    )


@contextmanager
def asking(context: PhaseContext) -> Iterator[None]:
    """A set-up that nobody permitted is asked for. Raises `NeedsAccess`, `Forbidden` once it was refused."""
    try:
        yield
    except SetupNotPermitted as missing:
        decided = context.decided(WaitReason.ACCESS, missing.permission)
        if decided is None:
            raise NeedsAccess(missing.permission, missing.message) from missing
        said = decided.comment or "no comment"
        raise Forbidden(f"{decided.by} refused {missing.permission!r}: {said}") from missing


def told_by(context: PhaseContext) -> Progress:
    """Writes events of the run that name the phase."""

    async def tell(kind: str, data: Mapping[str, JSON]) -> None:
        await context.progress(kind, {"phase": context.spec.name, **data})

    return tell
