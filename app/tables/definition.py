"""Pipeline definitions, their phase configurations, and the snapshots that runs pin."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Identity, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import JSON, Base, CreatedAt, is_digest, one_of


class Apply(StrEnum):
    """Where the files of an answer go."""

    WORKSPACE = "workspace"


class PipelineDefinition(Base):
    """A named, ordered list of phases."""

    __tablename__ = "pipeline_definitions"
    __table_args__ = (CheckConstraint("name ~ '^[a-z][a-z0-9_-]{0,63}$'", name="name_is_a_name"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    description: Mapped[str]
    write_documents: Mapped[bool]
    """True: rendered documents are part of the commit."""
    created_at: Mapped[CreatedAt]
    edited_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """Set when a person edited the row; seeding then leaves it alone."""


class PhaseConfiguration(Base):
    """One phase of a definition, as data."""

    __tablename__ = "phase_configurations"
    __table_args__ = (
        UniqueConstraint("definition", "name"),
        UniqueConstraint("definition", "position", deferrable=True, initially="DEFERRED"),
        CheckConstraint("position >= 0", name="position_counts_from_zero"),
        CheckConstraint("max_rework >= 0", name="max_rework_not_negative"),
        CheckConstraint("name ~ '^[a-z][a-z0-9_-]{0,63}$'", name="name_is_a_name"),
        one_of("apply", Apply, "apply_is_known"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    definition: Mapped[str] = mapped_column(ForeignKey("pipeline_definitions.name", ondelete="CASCADE"))
    position: Mapped[int]
    name: Mapped[str]
    kind: Mapped[str]
    role: Mapped[str | None]
    rework_role: Mapped[str | None]
    """Prompt used instead of `role` once work was sent back."""
    artifact: Mapped[str | None]
    """Name of the artifact this phase makes."""
    schema: Mapped[str | None]
    """Name of a shipped schema, or `row:<id>`."""
    template: Mapped[str | None]
    """Document template for the artifact."""
    route: Mapped[str | None]
    inputs: Mapped[list[JSON]] = mapped_column(JSONB)
    """Names of the artifacts the phase reads."""
    apply: Mapped[str | None]
    on_reject: Mapped[str | None]
    """Phase that gets the work back."""
    max_rework: Mapped[int]
    """Rejections by this phase before the run fails."""
    destination: Mapped[str | None] = mapped_column(ForeignKey("destinations.name"))
    """Where the phase sends what it reads."""
    needs: Mapped[list[JSON]] = mapped_column(JSONB, default=list, server_default=text("'[]'"))
    """Permissions that somebody has to grant each run before the phase begins."""
    permits: Mapped[list[JSON]] = mapped_column(JSONB, default=list, server_default=text("'[]'"))
    """Control files that an answer of the phase may write, after an approval."""
    gates: Mapped[list[JSON]] = mapped_column(JSONB, default=list, server_default=text("'[]'"))
    """Names of gates beside those of the project; for a phase of kind `tests`."""
    settings: Mapped[dict[str, JSON]] = mapped_column(JSONB, default=dict, server_default=text("'{}'"))
    """What only the kind of the phase knows, such as `argv` of a command."""
    limits: Mapped[dict[str, JSON]] = mapped_column(JSONB)
    edited_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class DefinitionSnapshot(Base):
    """Content-addressed body of all that a run pins. A trigger refuses every change to it."""

    __tablename__ = "definition_snapshots"
    __table_args__ = (is_digest("sha256"),)

    sha256: Mapped[str] = mapped_column(primary_key=True)
    body: Mapped[dict[str, JSON]] = mapped_column(JSONB)
    created_at: Mapped[CreatedAt]


class ArtifactSchema(Base):
    """A JSON Schema as a row; phases name it `row:<id>`."""

    __tablename__ = "artifact_schemas"
    __table_args__ = (CheckConstraint("id ~ '^[a-z][a-z0-9_-]{0,63}$'", name="id_is_a_name"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    description: Mapped[str]
    json_schema: Mapped[dict[str, JSON]] = mapped_column(JSONB)
    edited_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
