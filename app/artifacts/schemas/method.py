"""One method of a component: `MethodSpec`."""

from __future__ import annotations

from pydantic import Field

from app.artifacts.schemas.document import Document
from app.artifacts.schemas.text import Line, Sentence


class ParameterSpec(Document):
    """One parameter of a method."""

    name: Line = Field(description="Parameter name")
    type: Line = Field(description="Type, as written in code")


class MethodSpec(Document):
    """A public method or function."""

    name: Line = Field(description="Method or function name")
    purpose: Sentence = Field(description="One sentence")
    params: list[ParameterSpec] = Field(description="Without self")
    returns: Line = Field(description="Return type, as written in code")
    raises: list[Line] = Field(default=[], description="Exception names")
