"""What one command may reach beyond the sandbox's own files; by default nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from app.errors import Invalid


@dataclass(frozen=True)
class Access:
    """Openings in the walls. The service's own code makes them, never a model and never a row."""

    folders: tuple[Path, ...] = ()
    """Folders of the host, shown at their own path and only read: fonts, a toolchain outside /usr."""
    unix_sockets: bool = False
    """UNIX sockets may be made. Those of the host stay out of reach unless `network` is open too."""
    network: bool = False
    """The network of the host, its loopback included."""
    writable: Path | None = None
    """A folder of the host that the command may write, at its own path."""

    def shown(self, system: Path = Path("/usr")) -> tuple[tuple[Path, Path], ...]:
        """The folders to show as (real folder, path inside). Raises `Invalid` for one that is not there."""
        for path in (*self.folders, *([self.writable] if self.writable else [])):
            if not path.is_absolute() or os.path.normpath(path) != str(path) or not path.is_dir():
                raise Invalid(f"{str(path)!r} is no folder that can be shown inside", place="access")
            if path == Path("/"):
                raise Invalid("the root of the host is never shown inside", place="access")
        return tuple((path.resolve(), path) for path in self.folders if not path.is_relative_to(system))
