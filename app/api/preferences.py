"""The Prefer header (RFC 7240): how long a caller is ready to wait."""

from __future__ import annotations


def wait_s(prefer: str | None, default: float, most: float) -> float:
    """`respond-async` is 0 s, `wait=5` is 5 s and never more than `most`; anything else is ignored."""
    for part in (prefer or "").split(","):
        name, _, value = part.partition(";")[0].strip().lower().partition("=")
        if name == "respond-async":
            return 0.0
        if name == "wait" and value.strip('" ').isdigit():
            return min(float(value.strip('" ')), most)
    return default
