"""A question that belongs to no run: what is asked, of whom, and what came back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from app.llm.request import Reply, Request
from app.pipelines.attachments import Attachment, Selection
from app.usage.estimate import estimate_tokens


class Form(StrEnum):
    """What comes back."""

    TEXT = "text"
    CODE = "code"


PROMPTS = {Form.TEXT: ("ask", "row:reply", "answer"), Form.CODE: ("coder", "row:code_answer", "code")}
"""Role, schema, and the field of the answer that is the result."""


class Where(StrEnum):
    LOCAL = "local"
    """A free profile, its context filled with what matters most."""
    API = "api"
    """All that was given, or an error."""
    ROUTE = "route"
    """As the route says: what costs money gets everything, what is free what fits."""


@dataclass(frozen=True)
class Question:
    task: str
    attachments: tuple[Attachment, ...] = ()
    form: Form = Form.TEXT
    where: Where = Where.LOCAL
    profile: str | None = None
    """In place of the profile that `where` means."""
    route: str | None = None
    """Name of the route, or `auto`, where it decides."""
    budget_tokens: int | None = None
    """Room for the attachments; None: what the profile's context leaves."""


@dataclass(frozen=True)
class Prepared:
    """A question that fits, ready to be sent."""

    request: Request
    selection: Selection
    form: Form

    @property
    def tokens(self) -> int:
        """Of the prompt, estimated."""
        return estimate_tokens(self.request.system) + estimate_tokens(self.request.task)


@dataclass(frozen=True)
class Result:
    text: str
    assumptions: tuple[str, ...]
    reply: Reply
