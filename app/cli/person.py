"""Who sits at the command line."""

from __future__ import annotations

import getpass
import os


def person() -> str:
    """The name of the person's account."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name
        return f"uid {os.getuid()}"
