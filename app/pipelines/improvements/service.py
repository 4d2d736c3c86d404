"""What people do with improvements: order one, pause, resume, cancel, look."""

from __future__ import annotations

from uuid import UUID

from app.db import Database
from app.pipelines.batches.service import BatchService, BatchTerms
from app.pipelines.batches.stacking import Terms
from app.pipelines.estimating import Estimator
from app.pipelines.improvements import standing
from app.pipelines.improvements.order import ImprovementOrder, check
from app.pipelines.improvements.standing import Standing


class ImprovementService:
    """The one way to change an improvement; workers look after it as a batch."""

    def __init__(self, database: Database, batches: BatchService, estimator: Estimator) -> None:
        self._database = database
        self._batches = batches
        self._estimator = estimator

    async def create(self, order: ImprovementOrder) -> Standing:
        """Pin definition and repository as they are now, and begin. Raises what creating a run raises."""
        check(order)
        inputs = order.inputs()
        expected = await self._estimator.estimate(
            inputs[0], definition=order.definition, project=order.project, profile=order.profile
        )
        stack = Terms(
            goal=order.goal or inputs[0],
            is_repeated=order.is_repeated,
            max_usd=order.max_usd,
            max_tokens=order.max_tokens,
            max_failures=order.max_failures,
            estimated_usd=expected.usd.expected if expected.usd else None,
            estimated_tokens=expected.tokens.expected,
        )
        terms = BatchTerms(order.definition, order.project, order.profile, order.policy)
        batch = await self._batches.create(iter(inputs), terms, stack)
        return await self.get(batch.id)

    async def pause(self, improvement_id: UUID) -> Standing:
        """Start no more epics; the one under way goes on to its end."""
        await self.get(improvement_id)
        await self._batches.pause(improvement_id)
        return await self.get(improvement_id)

    async def resume(self, improvement_id: UUID) -> Standing:
        """Go on with a paused one."""
        await self.get(improvement_id)
        await self._batches.resume(improvement_id)
        return await self.get(improvement_id)

    async def cancel(self, improvement_id: UUID) -> Standing:
        """Start no more, and ask the run under way to stop. What is committed stays."""
        await self.get(improvement_id)
        await self._batches.cancel(improvement_id)
        return await self.get(improvement_id)

    async def get(self, improvement_id: UUID) -> Standing:
        """Raises `NotFound`."""
        async with self._database.transaction() as session:
            return await standing.get(session, improvement_id)
