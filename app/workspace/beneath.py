"""Opening files strictly inside a folder: `openat2`, so no link leads out, not even a new one."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from pathlib import Path

from app.errors import Unavailable

_OPENAT2 = {"x86_64": 437, "aarch64": 437}
_NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH = 0x02, 0x04, 0x08
_TRIES = 32
"""A rename elsewhere in the folder makes the kernel answer EAGAIN; so often it is asked again."""

_libc = ctypes.CDLL(None, use_errno=True)


class _How(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def open_root(root: Path) -> int:
    """A descriptor of the folder that all further paths stay in."""
    return os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def open_beneath(root: int, path: str, flags: int, mode: int = 0) -> int:
    """A descriptor of `path` under `root`, no symbolic link followed anywhere.

    Raises `OSError` (ELOOP, EXDEV for a path that would leave), and `Unavailable` without `openat2`.
    """
    number = _OPENAT2.get(platform.machine())
    if number is None:
        raise _missing(f"not known for {platform.machine()}")
    how = _How(flags | os.O_CLOEXEC, mode, _NO_MAGICLINKS | _NO_SYMLINKS | _BENEATH)
    for _ in range(_TRIES):
        descriptor: int = _libc.syscall(
            ctypes.c_long(number),
            ctypes.c_int(root),
            os.fsencode(path),
            ctypes.byref(how),
            ctypes.c_size_t(ctypes.sizeof(how)),
        )
        if descriptor >= 0:
            return descriptor
        code = ctypes.get_errno()
        if code in (errno.ENOSYS, errno.EPERM):
            raise _missing(os.strerror(code))
        if code != errno.EAGAIN:
            break
    raise OSError(code, os.strerror(code), path)


def open_folder(root: int, path: str) -> int:
    """A descriptor of the folder `path` under `root`; the empty path is `root` itself."""
    return open_beneath(root, path or ".", os.O_RDONLY | os.O_DIRECTORY)


def _missing(why: str) -> Unavailable:
    return Unavailable(
        f"this system has no openat2 ({why}), so files can not be written safely: "
        "use Linux 5.6 or newer on x86-64 or aarch64, and a container that allows the call"
    )
