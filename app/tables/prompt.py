"""Role prompts: immutable versions, and the labels that point at them."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Identity, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import JSON, Base, CreatedAt, is_digest


class RolePrompt(Base):
    """One version of one role's prompt. A trigger refuses every change to it."""

    __tablename__ = "role_prompts"
    __table_args__ = (
        UniqueConstraint("role", "version"),
        CheckConstraint("version > 0", name="version_counts_from_one"),
        CheckConstraint("role ~ '^[a-z][a-z0-9_-]{0,63}$'", name="role_is_a_name"),
        is_digest("digest"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    role: Mapped[str]
    version: Mapped[int]
    system: Mapped[str]
    """The stable prefix; providers cache it."""
    task: Mapped[str]
    """The part that changes with every call."""
    variables: Mapped[list[JSON]] = mapped_column(JSONB)
    """Names the two parts may use."""
    digest: Mapped[str]
    """SHA-256 of both parts."""
    message: Mapped[str]
    """Why this version exists."""
    created_by: Mapped[str]
    created_at: Mapped[CreatedAt]


class RolePromptLabel(Base):
    """A label such as `production` that points at one version of a role."""

    __tablename__ = "role_prompt_labels"
    __table_args__ = (
        ForeignKeyConstraint(["role", "version"], ["role_prompts.role", "role_prompts.version"]),
        CheckConstraint("label ~ '^[a-z][a-z0-9_-]{0,63}$'", name="label_is_a_name"),
    )

    role: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    moved_by: Mapped[str]
    moved_at: Mapped[CreatedAt]
