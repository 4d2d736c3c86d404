"""A disk so small that it can be filled: a mount of this process's own, which ends with it."""

from __future__ import annotations

import ctypes
import os
import subprocess
from contextlib import suppress
from pathlib import Path

CLONE_NEWNS = 0x00020000
SIZE = "320m"
"""The programs of Postgres, its first files and a hundred megabytes of WAL fit; nothing else has to."""
BLOCK = bytes(64 * 1024)


class NoDisk(Exception):
    """Mounts can not be made here; the message says why."""


def go_apart() -> None:
    """From now on mounts of this process are seen by itself and its children only. Raises `NoDisk`."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
        raise NoDisk(f"no mount namespace: {os.strerror(ctypes.get_errno())}")
    _mount("--make-rprivate", "/")


class Disk:
    """A file system in memory, as it lies at `path`."""

    def __init__(self, path: Path) -> None:
        """Raises `NoDisk`."""
        self.path = path
        path.mkdir(mode=0o711)
        _mount("-t", "tmpfs", "-o", f"size={SIZE},mode=0711", "tmpfs", str(path))

    def fill(self) -> None:
        """Until not a byte more fits."""
        with suppress(OSError), (self.path / "ballast").open("ab", buffering=0) as ballast:
            while True:
                ballast.write(BLOCK)

    def free(self) -> None:
        (self.path / "ballast").unlink(missing_ok=True)

    def remove(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.path)], check=False)


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoDisk(done.stderr.strip())
