"""One change within a file: `CodeEdit`."""

from __future__ import annotations

from pydantic import Field

from app.artifacts.schemas.document import Document
from app.artifacts.schemas.text import Line


class CodeEdit(Document):
    """Lines of a file, and what stands in their place."""

    path: Line = Field(description="Path of a file that was shown")
    search: str = Field(description="Whole lines as shown, found exactly once in the file; as few as do")
    replace: str = Field(description="The lines in their place; empty: they go")
