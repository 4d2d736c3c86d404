"""What a model on a server was found to be able to do."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import CheckConstraint, Double
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import Base, Timestamp, one_of


class Binding(StrEnum):
    """What binds an answer to its schema."""

    GRAMMAR = "grammar"
    TOOL = "tool"
    PROMPT = "prompt"


class ModelCapability(Base):
    """The newest probe of one model on one version of its server, in one mode, thinking or not."""

    __tablename__ = "model_capabilities"
    __table_args__ = (
        one_of("mode", Binding, "mode_is_known"),
        CheckConstraint(
            "0 <= correct AND correct <= compliant AND compliant <= enums AND enums <= valid "
            "AND valid <= answered AND answered <= asked",
            name="counts_fit",
        ),
        CheckConstraint("output_tokens >= 0 AND thinking_tokens >= 0", name="tokens_not_negative"),
        CheckConstraint("tokens_per_s >= 0 AND p50_s >= 0 AND p95_s >= p50_s", name="speeds_not_negative"),
    )

    backend: Mapped[str] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(primary_key=True)
    server_version: Mapped[str] = mapped_column(primary_key=True)
    mode: Mapped[str] = mapped_column(primary_key=True)
    thinks: Mapped[bool] = mapped_column(primary_key=True)
    """Whether it was asked to think."""
    asked: Mapped[int]
    answered: Mapped[int]
    """Text came back, also one that was cut off."""
    valid: Mapped[int]
    """One JSON object."""
    enums: Mapped[int]
    """Every value of a closed set is a member of it."""
    compliant: Mapped[int]
    """The whole schema holds."""
    correct: Mapped[int]
    """And it says what is right."""
    output_tokens: Mapped[int]
    """Of all answers, thinking included."""
    thinking_tokens: Mapped[int]
    """Counted or estimated; 0: none was seen."""
    tokens_per_s: Mapped[float | None] = mapped_column(Double)
    """Null, like the next two: nothing was answered."""
    p50_s: Mapped[float | None] = mapped_column(Double)
    p95_s: Mapped[float | None] = mapped_column(Double)
    error: Mapped[str | None]
    """The last error of the server."""
    probed_at: Mapped[Timestamp]
