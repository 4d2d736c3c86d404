"""What a person who starts the server needs to know, in a few lines."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from app.api.origin import is_loopback
from app.settings import Settings
from app.tokens import FIRST_FILE

log = logging.getLogger(__name__)


def lines(settings: Settings, unknown: Sequence[str]) -> list[str]:
    """Token, mode and warnings; never the token itself. The address is said by who binds it."""
    found = []
    if settings.auth == "off":
        found.append("WARNING: authentication is OFF: everybody on this machine may do everything")
    else:
        file = settings.state_dir / FIRST_FILE
        first = f"the first one is in {file}"
        where = first if file.exists() else "`workbench token create NAME` makes one"
        found.append(f"A token is needed; {where}")
    if settings.auth == "on" and not is_loopback(settings.host):
        found.append("WARNING: tokens travel unencrypted: put a server with TLS in front of this one")
    if settings.demo:
        found.append("Demo: the sample repository is the default project, and recorded answers stand in")
    if settings.llm_disabled:
        found.append("WORKBENCH_LLM_DISABLED is set: every model call fails")
    return [*found, *(f"WARNING: {line}" for line in unknown)]


def greet(settings: Settings, unknown: Sequence[str]) -> None:
    """Plain lines on a terminal, log records elsewhere."""
    for line in lines(settings, unknown):
        if sys.stderr.isatty():
            print(line, file=sys.stderr)
        elif line.startswith("WARNING: "):
            log.warning("%s", line.removeprefix("WARNING: "))
        else:
            log.info("%s", line)


def show_first_token(text: str, folder: Path) -> None:
    """Once, to a person at a terminal; a log keeps what it is told, so it gets only the place."""
    if sys.stderr.isatty():
        print(f"Your admin token, shown only now: {text}", file=sys.stderr)
    log.info("an admin token was written to %s", folder / FIRST_FILE)
