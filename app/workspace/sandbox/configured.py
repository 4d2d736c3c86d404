"""The sandbox as the settings, and for its absence the command line, say."""

from __future__ import annotations

import shlex

from app.errors import Invalid
from app.settings import Settings
from app.workspace.sandbox import consent
from app.workspace.sandbox.sandbox import Sandbox


def configured(settings: Settings) -> Sandbox:
    """Raises `Invalid` for a command that can not be split."""
    if consent.given():
        return Sandbox("none", settings.sandbox_concurrency, accepted=True)
    try:
        prefix = tuple(shlex.split(settings.sandbox_command))
    except ValueError as error:
        message = f"WORKBENCH_SANDBOX_COMMAND can not be read: {error}"
        raise Invalid(message, place="sandbox_command") from error
    return Sandbox(settings.sandbox_mode, settings.sandbox_concurrency, prefix=prefix)
