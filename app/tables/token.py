"""Bearer tokens of the API; only a hash is stored."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, DateTime, Identity, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import Base, CreatedAt, one_of


class TokenRole(StrEnum):
    """What a token may do; each role includes the ones before it."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    AUTHOR = "author"
    ADMIN = "admin"


class ApiToken(Base):
    __tablename__ = "api_tokens"
    __table_args__ = (
        one_of("role", TokenRole, "role_is_known"),
        CheckConstraint("octet_length(sha256) = 32", name="sha256_is_32_bytes"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str]
    prefix: Mapped[str]
    """First characters of the token, to recognise it in a list."""
    sha256: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    role: Mapped[str]
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
