"""What the product manager hands on: `EpicDeliverable`."""

from __future__ import annotations

from pydantic import Field

from app.artifacts.schemas.document import Document
from app.artifacts.schemas.text import Line, Sentence


class EpicDeliverable(Document):
    """An epic that can be designed, built and checked."""

    title: Line = Field(description="Short title, without a full stop")
    goal: Sentence = Field(description="What is better for whom, one sentence")
    user_stories: list[Line] = Field(description="As a ..., I want ..., so that ...", min_length=1)
    acceptance_criteria: list[Line] = Field(description="Facts a test can check", min_length=1)
