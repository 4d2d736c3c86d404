"""The forms in which a model may hand over code: one dict; a profile names one of them."""

from __future__ import annotations

from app.errors import unknown
from app.llm.channels.blocks import Blocks
from app.llm.channels.channel import Channel
from app.llm.channels.json_text import JsonText

CHANNELS: dict[str, Channel] = {"json": JsonText(), "blocks": Blocks()}


def channel(name: str) -> Channel:
    """Raises `NotFound`, which lists the names."""
    if name not in CHANNELS:
        raise unknown("code channel", name, CHANNELS)
    return CHANNELS[name]
