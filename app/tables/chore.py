"""Work that one worker does for all of them."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import Base, CreatedAt


class Chore(Base):
    """When a piece of such work was last begun; who moves the time forward does the work."""

    __tablename__ = "chores"

    name: Mapped[str] = mapped_column(primary_key=True)
    started_at: Mapped[CreatedAt]
