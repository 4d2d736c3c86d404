"""The protocol of a channel: how code is asked for, and how the answer becomes one JSON document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from app.llm.types import JSON


class Channel(Protocol):
    """Every channel yields the document of the same schema, which judges it afterwards."""

    @property
    def name(self) -> str: ...

    @property
    def constrained(self) -> bool:
        """True: the answer is the document itself, so the server can be made to keep to the schema."""

    def instructions(self, schema: Mapping[str, JSON]) -> str:
        """What the model is told about the form. Raises `UnsupportedSchema` when it holds no files."""

    def read(self, text: str, schema: Mapping[str, JSON]) -> JSON:
        """The document in a complete answer, its edits as they are: whether they fit is not known here.

        Raises `InvalidAnswer` with one line per fault; a cut-off answer never yields a part.
        """

    def write(self, document: Mapping[str, JSON], schema: Mapping[str, JSON]) -> str:
        """The document in this form, as a model would write it."""
