"""Canonical JSON and its SHA-256: the same document has the same digest everywhere."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical(document: Any) -> bytes:
    """UTF-8, sorted keys, no spaces. Raises ValueError for NaN and infinities."""
    return _CANONICAL.encode(document).encode()


def digest(document: Any) -> str:
    """SHA-256 of the canonical form, in hexadecimal."""
    return sha256(canonical(document))


def sha256(content: bytes) -> str:
    """In hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def writable(text: str) -> str:
    """The text with NUL and lone surrogates as escapes: neither UTF-8 nor Postgres can hold them."""
    return _NOT_TEXT.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def storable(document: Any) -> Any:
    """The document with every text writable."""
    if isinstance(document, str):
        return writable(document)
    if isinstance(document, dict):
        return {writable(key): storable(value) for key, value in document.items()}
    if isinstance(document, (list, tuple)):
        return [storable(value) for value in document]
    return document


def as_stored(value: Any) -> Any:
    """The value with the keys of its objects in the order in which Postgres gives them back from `jsonb`.

    What is computed from a value must not depend on whether it was read again meanwhile.
    """
    if isinstance(value, dict):
        ordered = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
        return {key: as_stored(value[key]) for key in ordered}
    if isinstance(value, list):
        return [as_stored(one) for one in value]
    return value
