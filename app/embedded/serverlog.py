"""The log of the embedded Postgres, which never grows without end."""

from __future__ import annotations

from pathlib import Path

from app.embedded.account import Account

LOG = "server.log"
LONGEST = 4 * 1024**2
"""Bytes; a server that works for years, or fails every second, must not fill the disk."""
KEPT = 1024**2
"""Bytes of the end of a log that was too long, kept beside it as server.log.old."""
CUT = 'tail -c "$2" "$1" > "$1.old"; : > "$1"'
"""The server appends, so it goes on at the new end; a line written in between is lost. A full disk keeps no
old log, and is helped all the same."""


def is_long(data_folder: Path) -> bool:
    """Costs one look at the file."""
    try:
        return (data_folder / LOG).lstat().st_size > LONGEST
    except FileNotFoundError:
        return False


def cut(data_folder: Path, account: Account) -> bool:
    """Keep only the end of a log that is too long, whether the server runs or not. True: it was."""
    if not is_long(data_folder):
        return False
    # as the account: it owns the folder, and could put a link in the place of a log that root follows
    account.run("/bin/sh", "-c", CUT, "sh", data_folder / LOG, str(KEPT))
    return True
