"""Projects: the git repositories that pipelines work on."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Identity, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.tables.base import JSON, Base, CreatedAt, is_digest, one_of


class TestAdapter(StrEnum):
    """What the test command is, and so how its result is read."""

    __test__ = False  # its name would make pytest collect it

    PYTEST = "pytest"
    UNITTEST = "unittest"
    GO = "go"
    NODE = "node"
    MAVEN = "maven"
    JUNIT = "junit"
    """Any other command that writes JUnit XML to `{junit}`."""
    GATES = "gates"
    """No command: the gates are the tests."""


class MovedBase(StrEnum):
    """What happens when the base branch went on while a run worked."""

    KEEP = "keep"
    """The commit stays on the base that the run began with."""
    MERGE = "merge"
    """The change is merged onto the new base and tested again before it is committed."""


class Project(Base):
    """A repository with its test command and the paths a run may never write."""

    __tablename__ = "projects"
    __table_args__ = (
        CheckConstraint("name ~ '^[a-z0-9][a-z0-9._-]{0,63}$'", name="name_is_a_name"),
        CheckConstraint(
            "jsonb_array_length(test_command) > 0 OR test_adapter = 'gates'", name="test_command_not_empty"
        ),
        one_of("test_adapter", TestAdapter, "test_adapter_is_known"),
        one_of("on_moved_base", MovedBase, "on_moved_base_is_known"),
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
    """Interpreter of the project's own environment; null: its `.venv`, or what the set-up command made."""
    protected_paths: Mapped[list[JSON]] = mapped_column(JSONB)
    """Glob patterns no run may write."""
    permitted_paths: Mapped[list[JSON]] = mapped_column(JSONB)
    """Control files (`pyproject.toml`, `conftest.py`, …) a run may write."""
    test_adapter: Mapped[str] = mapped_column(server_default=text("'pytest'"))
    setup_command: Mapped[list[JSON] | None] = mapped_column(JSONB(none_as_null=True))
    """Argument vector that installs the dependencies into `{environment}`; it needs a permission to run."""
    sandbox: Mapped[dict[str, JSON]] = mapped_column(JSONB, server_default=text("'{}'"))
    """Limits of its commands that differ from the sandbox's own."""
    gates: Mapped[list[JSON]] = mapped_column(JSONB, server_default=text("'[]'"))
    """Names of the gates that every change has to pass before it is tested."""
    push_to: Mapped[str | None]
    """URL (https or ssh) of the remote that gets the branches of runs; null: nothing is pushed."""
    on_moved_base: Mapped[str] = mapped_column(server_default=text("'keep'"))
    created_at: Mapped[CreatedAt]
    edited_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class TestBaseline(Base):
    """What the tests of one base commit said, so that they run once for all runs that begin there."""

    __test__ = False
    __tablename__ = "test_baselines"
    __table_args__ = (is_digest("command_sha256"),)

    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True)
    commit: Mapped[str] = mapped_column(primary_key=True)
    command_sha256: Mapped[str] = mapped_column(primary_key=True)
    """Of all that decides which tests run: adapter, command, interpreter, environment."""
    body: Mapped[dict[str, JSON]] = mapped_column(JSONB)
    created_at: Mapped[CreatedAt]
