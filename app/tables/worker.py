"""Worker processes that are alive."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import Base, CreatedAt


class WorkerRow(Base):
    __tablename__ = "workers"

    name: Mapped[str] = mapped_column(primary_key=True)
    """host:pid:random"""
    started_at: Mapped[CreatedAt]
    seen_at: Mapped[CreatedAt]
