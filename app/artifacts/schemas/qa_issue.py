"""One finding of a review: `QAIssue`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from app.artifacts.schemas.document import Document
from app.artifacts.schemas.text import Line, Sentence


def _lower(value: Any) -> Any:
    """Servers do not promise the capitalisation of an enum."""
    return value.lower() if isinstance(value, str) else value


Severity = Annotated[Literal["critical", "high", "medium", "low"], BeforeValidator(_lower)]
Category = Annotated[Literal["architecture", "code", "test", "docs"], BeforeValidator(_lower)]


class QAIssue(Document):
    """What is wrong, where, and whether it must be fixed."""

    id: Line = Field(description="Unique, like QA-1")
    severity: Severity = Field(description="How bad it is")
    category: Category = Field(description="What it is about")
    description: Sentence = Field(description="One sentence")
    location: Line = Field(description="file:line or component name")
    fix_required: bool = Field(description="Must be fixed before it passes")
