"""Queries over role prompts: read the active version, add one, move a label."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import NotFound, unknown
from app.prompts.prompt import Prompt
from app.tables import RolePrompt, RolePromptLabel

PRODUCTION = "production"
"""The label that runs use."""


async def roles(session: AsyncSession) -> list[str]:
    return list(await session.scalars(select(RolePrompt.role).distinct().order_by(RolePrompt.role)))


async def active(session: AsyncSession, role: str, label: str = PRODUCTION) -> Prompt:
    """The version that the label points at. Raises `NotFound` naming the roles that exist."""
    row = await session.scalar(
        select(RolePrompt)
        .join(
            RolePromptLabel,
            (RolePromptLabel.role == RolePrompt.role) & (RolePromptLabel.version == RolePrompt.version),
        )
        .where(RolePromptLabel.role == role, RolePromptLabel.label == label)
    )
    if row is None:
        raise unknown(f"{label} prompt for the role", role, await roles(session))
    return as_prompt(row)


async def version(session: AsyncSession, role: str, number: int) -> RolePrompt:
    """Raises `NotFound` naming the versions or roles that exist."""
    row = await session.scalar(
        select(RolePrompt).where(RolePrompt.role == role, RolePrompt.version == number)
    )
    if row is None:
        known = [prompt.version for prompt in await versions(session, role)]
        raise NotFound(f"role {role!r} has no version {number}; there are: {', '.join(map(str, known))}")
    return row


async def versions(session: AsyncSession, role: str) -> Sequence[RolePrompt]:
    """Every version, newest first. Raises `NotFound` naming the roles that exist."""
    rows = (
        await session.scalars(
            select(RolePrompt).where(RolePrompt.role == role).order_by(RolePrompt.version.desc())
        )
    ).all()
    if not rows:
        raise unknown("role prompt", role, await roles(session))
    return rows


async def labels(session: AsyncSession) -> dict[str, dict[str, int]]:
    """Role → label → version."""
    found: dict[str, dict[str, int]] = {}
    for row in await session.scalars(
        select(RolePromptLabel).order_by(RolePromptLabel.role, RolePromptLabel.label)
    ):
        found.setdefault(row.role, {})[row.label] = row.version
    return found


async def add(session: AsyncSession, prompt: Prompt, *, message: str, by: str) -> RolePrompt:
    """Store the text as the role's next version. The caller has checked it (`check.py`)."""
    # the lock makes two people who add at the same time take two numbers
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"role_prompts:{prompt.role}"))))
    newest = await session.scalar(select(func.max(RolePrompt.version)).where(RolePrompt.role == prompt.role))
    row = RolePrompt(
        role=prompt.role,
        version=(newest or 0) + 1,
        system=prompt.system,
        task=prompt.task,
        variables=list(prompt.variables),
        digest=prompt.digest,
        message=message,
        created_by=by,
    )
    session.add(row)
    await session.flush()
    return row


async def move_label(session: AsyncSession, role: str, label: str, number: int, *, by: str) -> None:
    """Point the label at that version. Raises `NotFound` when there is none."""
    await version(session, role, number)
    values = {"version": number, "moved_by": by, "moved_at": func.clock_timestamp()}
    await session.execute(
        insert(RolePromptLabel)
        .values(role=role, label=label, **values)
        .on_conflict_do_update(index_elements=["role", "label"], set_=values)
    )


def as_prompt(row: RolePrompt) -> Prompt:
    return Prompt(row.role, row.system, row.task, tuple(row.variables), row.version)
