"""What every adapter is given and gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from app.errors import WorkbenchError


class DeliveryFailed(WorkbenchError):
    """The receiver did not take it; the message says what came instead."""

    status = 502
    code = "delivery_failed"

    def __init__(self, message: str, *, again: bool = False, answer: Answer | None = None) -> None:
        super().__init__(message)
        self.again = again
        """Whether the same thing may work a little later."""
        self.answer = answer


@dataclass(frozen=True)
class Message:
    """What is sent."""

    body: bytes
    """JSON in UTF-8."""
    idempotency_key: str
    pipeline_id: UUID
    artifact: str


@dataclass(frozen=True)
class Answer:
    """What the receiver said."""

    status: int
    """HTTP status, or exit code."""
    text: str
    """The beginning of it."""


class Adapter(Protocol):
    """Sends once. Raises `DeliveryFailed`."""

    @property
    def target(self) -> str:
        """Where it goes, without what may be secret in it."""

    async def send(self, message: Message) -> Answer: ...
