"""What every table shares: constraint names, UTC timestamps, JSON columns."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from sqlalchemy import CheckConstraint, DateTime, MetaData, Text, func
from sqlalchemy.dialects.postgresql import DOMAIN, JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column
from sqlalchemy.sql.operators import OperatorClass

JSON = Any
"""A plain JSON value."""

Timestamp = Annotated[datetime, mapped_column(DateTime(timezone=True))]
CreatedAt = Annotated[datetime, mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())]


class Base(DeclarativeBase):
    """All tables hang on this metadata; the migrations are checked against it."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {str: Text, dict[str, JSON]: JSONB, list[JSON]: JSONB}  # noqa: RUF012


def one_of(column: str, values: type[StrEnum], name: str) -> CheckConstraint:
    """A check that the column holds a member of the closed set."""
    members = ", ".join(f"'{member.value}'" for member in values)
    return CheckConstraint(f"{column} IN ({members})", name=name)


class Comparable(DOMAIN):
    """SQLAlchemy warns of comparisons with a domain unless its operators are named."""

    operator_classes = OperatorClass.BASE | OperatorClass.EQUALITY


def members_of(name: str, values: type[StrEnum]) -> DOMAIN:
    """A type of the database that holds a member of the closed set.

    For the tables that every phase writes: what a type checks is compiled once per session, a check of a
    table once per statement, and a list of eight words takes 16 to 20 us of that.
    """
    members = ", ".join(f"'{member.value}'" for member in values)
    return Comparable(name, Text(), constraint_name=f"{name}_is_known", check=f"VALUE IN ({members})")


HEX = "0123456789abcdef"
DIGEST = Comparable(
    "sha256",
    Text(),
    constraint_name="sha256_is_hexadecimal",
    check=f"length(VALUE) = 64 AND translate(VALUE, '{HEX}', '') = ''",
)
"""What `is_digest` checks, for the tables that every phase writes: a pattern is slower to match."""


def is_digest(column: str) -> CheckConstraint:
    """A check that the column holds a SHA-256 in lower-case hexadecimal."""
    return CheckConstraint(f"{column} ~ '^[0-9a-f]{{64}}$'", name=f"{column}_is_sha256")
