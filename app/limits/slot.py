"""One call's place: in flight, or waiting for its turn."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from app.tables import Priority


@dataclass(eq=False)
class Slot:
    """What a call asks for, and what came of it."""

    backend: str
    """Name of the backend's limit, `profile` that of the profile's."""
    profile: str
    tokens: int
    priority: Priority
    group: str | None
    id: UUID = field(default_factory=uuid4)
    is_granted: bool = False
    is_waiting: bool = False
    """It stands in the table, and had no room when it was asked for."""
    unused: int = 0
    """Tokens that were estimated but not taken."""
    told: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it is granted, or when the table has forgotten it."""

    def used(self, tokens: int) -> None:
        """Tokens the call really took, prompt and answer; the rest goes back to the rate."""
        self.unused = max(0, self.tokens - tokens)

    def grant(self) -> None:
        self.is_granted = True
        self.told.set()
