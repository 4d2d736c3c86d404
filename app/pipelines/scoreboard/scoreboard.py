"""The scoreboard of one project: its epics counted, and their commits looked for in the repository."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from app.db import Database
from app.errors import WorkbenchError
from app.pipelines import projects
from app.pipelines.projects import SELF
from app.pipelines.scoreboard.epics import EpicRow, Refusals, epics, refusals
from app.pipelines.scoreboard.roi import Before, Roi, roi
from app.tables import Project, State
from app.workspace.merged import Fate, fate_of
from app.workspace.repository import head_commit, open_repository


@dataclass(frozen=True)
class Guess:
    """Estimates beside what the same epics took."""

    epics: int
    """Ended ones that had an estimate."""
    tokens: int
    """Estimated."""
    tokens_taken: int
    usd: Decimal | None
    """Estimated; None: a price was unknown."""
    usd_taken: Decimal


@dataclass(frozen=True)
class Scoreboard:
    """Of the epics that began on today (UTC) and so many days before it."""

    project: str
    days: int
    epics: int
    succeeded: int
    failed: int
    cancelled: int
    under_way: int
    committed: int
    merged: int | None
    """Commits that the project's base branch holds; None: the repository is not on this host."""
    reverted: int | None
    """Commits that a commit of the base branch says it reverts."""
    tokens: int
    usd: Decimal
    unpriced: int
    """Calls whose price is unknown; they are not in the dollars."""
    reworks: int
    gate_failures: Mapping[str, int]
    """Gates that did not pass, by kind, over all rounds."""
    test_failures: int
    """Rounds in which tests failed."""
    guess: Guess | None
    """None: no epic had an estimate."""
    roi: Roi

    @property
    def tokens_per_epic(self) -> int | None:
        return round(self.tokens / self.epics) if self.epics else None

    @property
    def usd_per_merged(self) -> Decimal | None:
        """All that was spent, over what is merged; None: nothing is."""
        return self.usd / self.merged if self.merged else None

    @property
    def reworks_per_epic(self) -> float | None:
        return self.reworks / self.epics if self.epics else None

    @property
    def merged_share(self) -> float | None:
        """Of the succeeded epics."""
        return self.merged / self.succeeded if self.merged is not None and self.succeeded else None


async def scoreboard(
    database: Database,
    project: str = SELF,
    days: int = 30,
    before: Before = Before(),  # noqa: B008 - it is frozen
) -> Scoreboard:
    """Reads the ledger and git, asks no model. Raises `NotFound` for no such project."""
    async with database.transaction() as session:
        row = await projects.get(session, project)
        found = await epics(session, row.id, days)
        refused = await refusals(session, row.id, days)
    commits = [epic.commit for epic in found if epic.commit is not None]
    return _board(row, days, found, refused, await _fate(row, commits), before)


async def _fate(project: Project, commits: Sequence[str]) -> Fate | None:
    """None: another host has the repository."""
    try:
        repository = await open_repository(Path(project.path))
        return await fate_of(repository, await head_commit(repository, project.base_branch), commits)
    except WorkbenchError:
        return None


def _board(
    project: Project,
    days: int,
    found: Sequence[EpicRow],
    refused: Refusals,
    fate: Fate | None,
    before: Before,
) -> Scoreboard:
    states = [epic.state for epic in found]
    succeeded = [epic for epic in found if epic.state == State.SUCCEEDED]
    tokens, usd = sum(epic.tokens for epic in found), sum((epic.usd for epic in found), start=Decimal(0))
    unpriced = sum(epic.unpriced for epic in found)
    return Scoreboard(
        project=project.name,
        days=days,
        epics=len(found),
        succeeded=len(succeeded),
        failed=states.count(State.FAILED),
        cancelled=states.count(State.CANCELLED),
        under_way=sum(state not in (State.SUCCEEDED, State.FAILED, State.CANCELLED) for state in states),
        committed=sum(epic.commit is not None for epic in found),
        merged=len(fate.merged) if fate else None,
        reverted=len(fate.reverted) if fate else None,
        tokens=tokens,
        usd=usd,
        unpriced=unpriced,
        reworks=sum(epic.reworks for epic in found),
        gate_failures=dict(refused.gates.most_common()),
        test_failures=refused.tests,
        guess=_guess(found),
        roi=roi(
            before,
            epics=len(succeeded),
            tokens=tokens,
            usd=usd,
            unpriced=unpriced,
            seconds=sum(epic.seconds for epic in succeeded),
        ),
    )


def _guess(found: Sequence[EpicRow]) -> Guess | None:
    ended = [
        epic
        for epic in found
        if epic.estimated_tokens is not None and epic.state in (State.SUCCEEDED, State.FAILED)
    ]
    if not ended:
        return None
    prices = [epic.estimated_usd for epic in ended]
    return Guess(
        len(ended),
        sum(epic.estimated_tokens or 0 for epic in ended),
        sum(epic.tokens for epic in ended),
        None if None in prices else sum((usd for usd in prices if usd is not None), start=Decimal(0)),
        sum((epic.usd for epic in ended), start=Decimal(0)),
    )
