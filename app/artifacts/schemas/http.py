"""What a server answered: `HttpResult`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.artifacts.schemas.document import Document


class HttpResult(Document):
    """One request and its answer."""

    outcome: Literal["passed", "failed"] = Field(description="passed: a status that was expected")
    target: str = Field(description="Method and server")
    status: int = Field(description="HTTP status")
    media_type: str = Field(description="As the server says; empty: it says none")
    body: str = Field(description="Text of the answer, from its beginning")
    truncated: bool = Field(description="The answer is longer than what is kept")
    duration_s: float = Field(description="Seconds it took", ge=0)
