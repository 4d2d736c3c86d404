"""One component of an architecture: `ComponentSpec`."""

from __future__ import annotations

from pydantic import Field

from app.artifacts.schemas.document import Document
from app.artifacts.schemas.method import MethodSpec
from app.artifacts.schemas.text import Line, Sentence


class ComponentSpec(Document):
    """A unit of code with one responsibility and the tests it needs."""

    name: Line = Field(description="Class or module name")
    purpose: Sentence = Field(description="One sentence")
    file_path: Line = Field(description="Path from the repository root")
    size_estimate: int = Field(description="Lines of code", ge=0)
    responsibilities: list[Line] = Field(description="Bullet points", min_length=1)
    dependencies: list[Line] = Field(description="Names of components or packages it uses")
    public_interface: list[MethodSpec] = Field(description="What others call")
    error_handling: list[Line] = Field(description="What can fail and what then happens")
    test_count: int = Field(description="Tests it needs", ge=0)
