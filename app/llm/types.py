"""The values that travel between the caller and the backends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from app.usage.cost import is_free
from app.usage.tokens import Tokens

JSON = Any
"""A plain JSON value: dict, list, str, int, float, bool or None."""

BackendName = str
"""A name in the registry of backends; other packages add theirs."""
Think = Literal["off", "on", "low", "medium", "high"]
Role = Literal["user", "assistant"]
CodeChannel = Literal["json", "blocks"]
Mode = Literal["grammar", "tool", "prompt"]
"""How the server is told of the schema: a format that binds the answer, one tool that takes it as input,
or not at all, because the prompt says it."""


class Schema(Protocol):
    """What an answer must look like. Pydantic models and rows of JSON Schema both fit."""

    @property
    def name(self) -> str: ...

    def json_schema(self) -> dict[str, JSON]: ...

    def validate(self, data: JSON) -> JSON:
        """The validated document as plain JSON. Raises `SchemaMismatch` with one line per error."""


@dataclass(frozen=True)
class Message:
    role: Role
    content: str


@dataclass(frozen=True)
class Profile:
    """Which model answers, and how. A value: it is pinned in the snapshot of a run."""

    name: str
    backend: BackendName
    model: str
    context_tokens: int = 32_768
    """Prompt and answer together; sent to servers that take it."""
    max_output_tokens: int = 8_192
    """Includes thinking where the server counts it."""
    think: Think = "off"
    temperature: float | None = None
    """Never sent to Claude."""
    timeout_s: float | None = None
    """Total deadline of one call in seconds; None: the setting of its backend."""
    price_usd_per_mtok: Mapping[str, float] | None = None
    """Overrides the price list: keys `input`, `output`, `cache_read`, `cache_write`."""
    vram_gb: float | None = None
    """Memory of the graphics card that the model takes with its context; None: unknown, or not here."""
    max_turns: int = 3
    """Questions one task may take on this profile, the first included."""
    code_channel: CodeChannel = "json"
    """The form in which it writes files: inside JSON strings, or as fenced blocks beside a manifest."""

    @property
    def is_paid(self) -> bool:
        """Whether an answer costs money."""
        return not is_free(self.backend, self.price_usd_per_mtok)


@dataclass(frozen=True)
class CallKey:
    """Which call of which run this is; a recording is matched by it."""

    epic: str = ""
    definition: str = ""
    phase: str = ""
    item: str = ""
    round: int = 0
    step: int = 0
    """0 for the first question, counted up by each re-ask."""


@dataclass(frozen=True)
class Call:
    """One request as a backend sees it."""

    profile: Profile
    system: str
    """The stable prefix; providers cache it."""
    messages: Sequence[Message]
    schema_name: str
    schema: Mapping[str, JSON]
    """The full JSON Schema; the backend translates it to what its server takes."""
    key: CallKey = field(default_factory=CallKey)
    mode: Mode = "grammar"


@dataclass(frozen=True)
class Answer:
    """A complete answer. Truncation, refusal and every failure are exceptions, never an Answer."""

    text: str
    tokens: Tokens
    model: str
    """The model's name as the server gave it."""
    request_id: str | None = None
    weakened: tuple[str, ...] = ()
    """What the schema lost in translation, in words."""
    thinking_estimated: bool = False
    """True: the server does not count thinking apart; its share of the output is by length of the texts."""


class Backend(Protocol):
    """Translates one call to a server's wire form and back: no retry, no cost, no parsing."""

    name: BackendName

    async def answer(self, call: Call) -> Answer:
        """One request. Raises a subclass of `LLMError`. The caller owns the total deadline."""

    async def models(self) -> list[str]:
        """Names the server offers. Raises `LLMError` when it is down."""

    async def version(self) -> str:
        """The server's version, or "" where it does not say. Raises `LLMError` when it is down."""

    async def close(self) -> None: ...
