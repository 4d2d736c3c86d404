"""Phases of kind `map`: one question per item of a list, several at once; the answers are joined."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from pydantic import BaseModel, ConfigDict, Field

from app.artifacts.registry import artifact_name
from app.errors import Conflict, Invalid
from app.llm.request import NotAccepted, Reply
from app.pipelines.code import CODE_SCHEMA, CodeConflict, join
from app.pipelines.phases.kind import JSON, Draft, Item, PhaseContext, PhaseResult
from app.pipelines.phases.llm import LlmPhase
from app.tables import Outcome
from app.workspace import declared

MOST_ITEMS = 200


class MapSettings(BaseModel):
    """What a map takes in `settings`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    over: str = Field(pattern=r"^[a-z][a-z0-9_-]*(\.[a-z][a-z0-9_]*)+$")
    """The list in an artifact, such as `architecture.components`."""
    key: str = Field("name", pattern=r"^[a-z][a-z0-9_]*$")
    """The field by which an item is known; no two items may share its value."""
    concurrency: int = Field(4, ge=1, le=32)
    """Questions under way at once."""

    @property
    def artifact(self) -> str:
        return artifact_name(self.over.partition(".")[0])


class ItemsConflict(Conflict):
    """Two items answered with different texts for one file."""

    code = "items_conflict"


class MapPhase:
    """Asks for each item on its own. Answers that are stored are not paid again after a crash.

    Work that was sent back is mended as one: its issues are about the joined result.
    """

    def __init__(self, llm: LlmPhase) -> None:
        self._llm = llm

    async def run(self, context: PhaseContext) -> PhaseResult:
        """Raises `ItemsConflict` that names both items, and what one question raises, once all have ended."""
        if context.reworks:
            return await self._llm.run(context)
        settings = declared.read(MapSettings, context.spec.settings)
        items = _items(context, settings)
        replies = await self._ask_all(context, items, settings.concurrency)
        body = _joined(items, replies)
        await self._write(context, body)
        return PhaseResult(Outcome.PASSED, artifact=body, detail={"items": len(items)})

    def check(self, draft: Draft) -> list[tuple[str, str]]:
        faults = [
            *self._llm.check(replace(draft, settings={})),
            *declared.faults(MapSettings, draft.settings),
        ]
        if draft.schema not in (CODE_SCHEMA, "CodeDeliverable", None):
            faults.append(("schema", f"the answers of a map are joined by file: {CODE_SCHEMA}"))
        if draft.apply is None:
            faults.append(("apply", "a phase of kind map writes files: workspace"))
        if draft.on_reject is not None:
            faults.append(("on_reject", "a phase of kind map judges nothing"))
        if not faults and (name := MapSettings.model_validate(draft.settings).artifact) not in map(
            artifact_name, draft.inputs
        ):
            faults.append(("settings.over", f"{name!r} is none of the phase's inputs"))
        return faults

    async def _ask_all(self, context: PhaseContext, items: Sequence[Item], concurrency: int) -> list[Reply]:
        """One failure leaves the others their time to end: what is paid for is kept for the next try."""
        slots, writing, done = asyncio.Semaphore(concurrency), asyncio.Lock(), count(1)

        async def one(item: Item) -> Reply:
            async with slots:
                reply = await self._llm.ask(replace(context, item=item), writing)
            told = {"phase": context.spec.name, "item": item.key, "number": next(done), "of": len(items)}
            await context.progress("item", told)
            return reply

        ended = await asyncio.gather(*map(one, items), return_exceptions=True)
        for reply in ended:
            if isinstance(reply, BaseException):
                raise reply
        return [reply for reply in ended if isinstance(reply, Reply)]

    async def _write(self, context: PhaseContext, body: JSON) -> None:
        """All files together have to be writable too, not only those of each item."""
        try:
            await self._llm.write(context, body)
        except NotAccepted as refused:
            raise Conflict(f"the joined files can not be written: {'; '.join(refused.errors)}") from refused


def _items(context: PhaseContext, settings: MapSettings) -> list[Item]:
    """Raises `Invalid` for no list, an item without a name, or two of one name."""
    found: JSON = context.artifacts.get(settings.artifact)
    for part in settings.over.split(".")[1:]:
        found = found.get(part) if isinstance(found, dict) else None
    if not isinstance(found, list) or not 0 < len(found) <= MOST_ITEMS:
        raise Invalid(f"{settings.over} is no list of 1 to {MOST_ITEMS} items", place="settings.over")
    keys = [one.get(settings.key) if isinstance(one, dict) else None for one in found]
    for number, key in enumerate(keys):
        if not isinstance(key, str) or not key:
            raise Invalid(f"item {number} of {settings.over} has no {settings.key}", place="settings.key")
        if key in keys[:number]:
            raise Invalid(f"two items of {settings.over} are called {key!r}", place="settings.key")
    return [Item(str(key), body) for key, body in zip(keys, found, strict=True)]


def _joined(items: Sequence[Item], replies: Sequence[Reply]) -> JSON:
    try:
        return join({item.key: reply.data for item, reply in zip(items, replies, strict=True)})
    except CodeConflict as conflict:
        first, second = conflict.items
        raise ItemsConflict(
            f"the items {first!r} and {second!r} both write {conflict.path}, each another text; "
            "give the file to one component of the architecture, or name what they share a component",
            path=conflict.path,
            items=[first, second],
        ) from conflict
