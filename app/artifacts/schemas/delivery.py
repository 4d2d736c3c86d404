"""What a deliver phase sent, or would have sent: `DeliveryRecord`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from app.artifacts.schemas.document import Document


class DeliveryRecord(Document):
    """One artifact that left for one destination."""

    state: Literal["sent", "dry_run"] = Field(description="dry_run: nothing left")
    destination: str = Field(description="Name of the destination")
    adapter: Literal["http", "command"] = Field(description="How it is sent")
    target: str = Field(description="Method and server, or program")
    idempotency_key: str = Field(description="The receiver sees it, the same for every attempt")
    artifact: str = Field(description="Name of the artifact that is the payload")
    payload: Any = Field(description="The JSON that was or would be sent")
    response_status: int | None = Field(description="HTTP status or exit code; null: nothing was sent")
    response_excerpt: str | None = Field(description="Beginning of what the receiver said")
