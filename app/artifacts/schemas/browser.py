"""What a browser saw of the pages of a run: `BrowserReport`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.artifacts.schemas.document import Document
from app.artifacts.schemas.results import GateFile, GateFinding


class PageReport(Document):
    """One page that was loaded."""

    page: str = Field(description="Path of the page")
    findings: list[GateFinding] = Field(description="What went wrong in it")
    characters: int = Field(description="Length of its visible text", ge=0)
    picture: GateFile | None = Field(description="Screenshot; null: none was kept")


class BrowserReport(Document):
    """Whether pages load, show something, and run without an error."""

    outcome: Literal["passed", "failed"] = Field(description="passed: no page went wrong")
    reason: str = Field(description="Why, in one sentence")
    pages: list[PageReport] = Field(description="Every page that was loaded")
