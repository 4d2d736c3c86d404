"""Projects: the git repositories that pipelines work on."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, DateTime, Identity
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import JSON, Base, CreatedAt


class Project(Base):
    """A repository with its test command and the paths a run may never write."""

    __tablename__ = "projects"
    __table_args__ = (
        CheckConstraint("name ~ '^[a-z0-9][a-z0-9._-]{0,63}$'", name="name_is_a_name"),
        CheckConstraint("jsonb_array_length(test_command) > 0", name="test_command_not_empty"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    path: Mapped[str]
    """Absolute path of the repository; runs are bound to hosts that have it."""
    base_branch: Mapped[str | None]
    """Branch a run starts from; null: the branch that is checked out."""
    test_command: Mapped[list[JSON]] = mapped_column(JSONB)
    """Argument vector; `{python}` and `{junit}` are replaced."""
    python: Mapped[str | None]
    """Interpreter or virtual environment for the tests; null: the service's own."""
    protected_paths: Mapped[list[JSON]] = mapped_column(JSONB)
    """Glob patterns no run may write."""
    permitted_paths: Mapped[list[JSON]] = mapped_column(JSONB)
    """Control files (`pyproject.toml`, `conftest.py`, …) a run may write."""
    created_at: Mapped[CreatedAt]
    edited_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
