"""The consent to run commands with no sandbox: given on the command line of this process, in no other way."""

from __future__ import annotations

FLAG = "--i-accept-unsandboxed-execution"

_given = False


def give() -> None:
    """Called for the flag alone. No setting, row, request or file leads here."""
    global _given
    _given = True


def given() -> bool:
    return _given
