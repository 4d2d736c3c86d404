"""Artifacts: validated JSON documents, every version kept."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import DIGEST, JSON, Base, CreatedAt, is_digest


class Artifact(Base):
    """One version of one artifact of one run; one version per name is current."""

    __tablename__ = "artifacts"
    __table_args__ = (
        UniqueConstraint("pipeline_id", "name", "version"),
        CheckConstraint("version > 0", name="version_counts_from_one"),
        CheckConstraint("num_nonnulls(phase_run_id, copied_from, edited_by) = 1", name="has_one_origin"),
        Index(
            "one_current_artifact",
            "pipeline_id",
            "name",
            unique=True,
            postgresql_where=text("current"),
        ),
        Index("ix_artifacts_copied_from", "copied_from", postgresql_where=text("copied_from IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    pipeline_id: Mapped[UUID] = mapped_column(ForeignKey("pipelines.id"))
    name: Mapped[str]
    version: Mapped[int]
    current: Mapped[bool] = mapped_column(default=True)
    schema: Mapped[str]
    schema_digest: Mapped[str] = mapped_column(DIGEST)
    content_digest: Mapped[str] = mapped_column(DIGEST)
    """SHA-256 of the canonical JSON of the body."""
    body: Mapped[dict[str, JSON]] = mapped_column(JSONB)
    phase_run_id: Mapped[int | None] = mapped_column(ForeignKey("phase_runs.id"), unique=True)
    copied_from: Mapped[int | None] = mapped_column(ForeignKey("artifacts.id"))
    """The artifact of the run that this one retries."""
    edited_by: Mapped[str | None]
    """Who gave it to the run in place of what a phase made."""
    created_at: Mapped[CreatedAt]


class RunFile(Base):
    """A file that is no text, such as a screenshot; an artifact names it by its digest."""

    __tablename__ = "run_files"
    __table_args__ = (is_digest("sha256"),)

    pipeline_id: Mapped[UUID] = mapped_column(ForeignKey("pipelines.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    media_type: Mapped[str]
    data: Mapped[bytes]
    created_at: Mapped[CreatedAt]
