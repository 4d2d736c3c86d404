"""What every schema has in common: no unknown keys, no lax conversions, no infinite numbers."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    """A part of an artifact. Field descriptions reach the model, so they are short."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
