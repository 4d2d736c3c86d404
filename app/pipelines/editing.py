"""Changes to prompts: checked first, with no transaction open, then stored as a new version."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from app.db import Database
from app.errors import Conflict
from app.pipelines.phases.inputs import SAMPLE
from app.prompts import store
from app.prompts.check import check
from app.prompts.prompt import Prompt
from app.prompts.store import PRODUCTION
from app.rendering.renderer import Renderer
from app.tables import RolePrompt

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]


class PromptDraft(BaseModel):
    """A version of a prompt as people write it."""

    model_config = ConfigDict(extra="forbid")

    system: str = Field(max_length=256 * 1024)
    """The stable prefix; it may use `schema`, `schema_name`, `constrained` and `blocks` only."""
    task: str = Field(min_length=1, max_length=256 * 1024)
    """The part that changes with every call."""
    variables: tuple[Name, ...] = Field(max_length=50)
    """Names the two parts use."""
    message: str = Field(min_length=1, max_length=500)
    """Why this version exists."""


async def add_role(
    database: Database, renderer: Renderer, role: str, draft: PromptDraft, *, by: str
) -> RolePrompt:
    """The first version of a new role, which runs use at once. Raises `Conflict` for a role that exists."""
    prompt = await _checked(renderer, role, draft)
    async with database.transaction() as session:
        row = await store.add(session, prompt, message=draft.message, by=by)
        if row.version > 1:
            raise Conflict(f"the role {role!r} exists: POST /prompts/{role}/versions adds a version to it")
        await store.move_label(session, role, PRODUCTION, row.version, by=by)
        await session.refresh(row)
        return row


async def add_version(
    database: Database, renderer: Renderer, role: str, draft: PromptDraft, *, by: str
) -> RolePrompt:
    """The role's next version; no label moves. Raises `NotFound`, or what is wrong with its place."""
    async with database.transaction() as session:
        await store.versions(session, role)
    prompt = await _checked(renderer, role, draft)
    async with database.transaction() as session:
        row = await store.add(session, prompt, message=draft.message, by=by)
        await session.refresh(row)
        return row


async def _checked(renderer: Renderer, role: str, draft: PromptDraft) -> Prompt:
    prompt = Prompt(role, draft.system, draft.task, draft.variables)
    await check(renderer, prompt, SAMPLE)
    return prompt
