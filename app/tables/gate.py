"""Gates: checks that a change has to pass before it is tested."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, DateTime
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import JSON, Base, CreatedAt


class Gate(Base):
    """One check as a row; projects and phases of kind `tests` name it."""

    __tablename__ = "gates"
    __table_args__ = (
        CheckConstraint("name ~ '^[a-z][a-z0-9_-]{0,63}$'", name="name_is_a_name"),
        CheckConstraint("jsonb_array_length(files) > 0", name="files_not_empty"),
    )

    name: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    """The code that checks, such as `python` or `browser`."""
    description: Mapped[str]
    files: Mapped[list[JSON]] = mapped_column(JSONB)
    """Glob patterns of the changed files that it looks at; a change without any passes it by."""
    settings: Mapped[dict[str, JSON]] = mapped_column(JSONB)
    """What its kind takes, such as `argv` of a command."""
    created_at: Mapped[CreatedAt]
    edited_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
