"""What the commit phase made: `CommitRecord`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.artifacts.schemas.document import Document


class CommittedFile(Document):
    """One changed path of the commit."""

    status: str = Field(description="A added, M modified, D deleted")
    path: str = Field(description="Path from the repository root")


class Trailer(Document):
    """One `key: value` line at the end of the message."""

    key: str = Field(description="Like Run-Id")
    value: str = Field(description="Text after the colon")


class BaseMove(Document):
    """The base branch went on while the run worked, and the change was merged onto it."""

    began_with: str = Field(description="Full hash of the commit that the run began with")
    merged: list[str] = Field(description="Paths that both had changed")


class PushRecord(Document):
    """Where the branch was sent when the commit was made."""

    url: str = Field(description="Address of the remote, without credentials")
    branch: str = Field(description="Branch on the remote")
    state: Literal["pushed", "committed_not_pushed"] = Field(description="Whether it is there")
    error: str | None = Field(description="Why it is not")


class CommitRecord(Document):
    """One commit on a branch of its own."""

    commit: str = Field(description="Full hash", min_length=40, max_length=64)
    branch: str = Field(description="Branch that points to it")
    parent: str = Field(description="Full hash of the base commit")
    subject: str = Field(description="First line of the message")
    message: str = Field(description="Whole message, with the trailers")
    files: list[CommittedFile] = Field(description="Changed paths")
    documents: list[str] = Field(description="Paths of documents in the commit")
    trailers: list[Trailer] = Field(description="Trailers in order")
    base: BaseMove | None = Field(default=None, description="Null: the parent is what the run began with")
    push: PushRecord | None = Field(default=None, description="Null: the project names no remote")
