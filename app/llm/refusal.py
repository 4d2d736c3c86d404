"""Polite refusals: a local model that answers work with an apology instead of doing it."""

from __future__ import annotations

import re

LOOKED_AT = 400
"""Characters: a refusal begins with its apology."""
_APOLOGY = re.compile(
    r"\b(?:i['\u2019]?m\s+(?:really\s+|very\s+)?sorry|i\s+am\s+sorry|sorry,|i\s+apologi[sz]e|unfortunately,?\s+i"
    r"|as\s+an?\s+(?:ai|language\s+model)|i\s+(?:can['\u2019]?t|cannot|can\s+not|won['\u2019]?t|am\s+(?:not\s+able|unable))"
    r"|i['\u2019]?m\s+(?:not\s+able|unable))\b",
    re.IGNORECASE,
)


def is_refusal(text: str) -> bool:
    """Whether prose begins with an apology. Text that holds an object is an answer, whatever it says."""
    begins = text.strip()[:LOOKED_AT]
    return "{" not in text and _APOLOGY.search(begins) is not None


def rephrased(task: str, deliverable: str) -> str:
    """The same task as an order to make something, which local models refuse less often."""
    return f"Generate {deliverable} for the following.\n\n{task}"
