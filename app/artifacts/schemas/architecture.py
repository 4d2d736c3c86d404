"""What the architect hands on: `ArchitectureDeliverable`."""

from __future__ import annotations

from pydantic import Field, model_validator

from app.artifacts.schemas.component import ComponentSpec
from app.artifacts.schemas.document import Document
from app.artifacts.schemas.text import Line, Sentence


class DecisionRecord(Document):
    """A decision that is hard to undo."""

    title: Line = Field(description="What was to decide")
    decision: Sentence = Field(description="One sentence")
    reason: Sentence = Field(description="One sentence")


class TestStrategy(Document):
    """What each tier of tests covers."""

    __test__ = False  # its name would make pytest collect it

    unit: list[Line] = Field(description="Bullet points")
    integration: list[Line] = Field(description="Bullet points")
    e2e: list[Line] = Field(description="Bullet points")


class ArchitectureDeliverable(Document):
    """The design of an epic, small enough to build from."""

    epic_id: Line = Field(description="Id or title of the epic")
    components: list[ComponentSpec] = Field(description="Only what changes or is new", min_length=1)
    adrs: list[DecisionRecord] = Field(description="Only decisions that are hard to undo")
    test_strategy: TestStrategy = Field(description="What each tier covers")
    acceptance_criteria: list[Line] = Field(description="Facts a test can check", min_length=1)

    @model_validator(mode="after")
    def _component_names_are_unique(self) -> ArchitectureDeliverable:
        names = [component.name for component in self.components]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"components: two have the name {', '.join(twice)}")
        return self
