"""Runs inside the sandbox with the standard library alone: tries each wall and prints what it found.

Every probe answers with what is wrong, or with nothing.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

INNER = {"PATH", "HOME", "LANG", "LC_CTYPE", "PWD", "PYTHONDONTWRITEBYTECODE", "WORKBENCH_IN_SANDBOX"}
INNER |= {"WORKBENCH_SANDBOX_RUN", "OLDPWD"}
OUTER = {"PATH", "LANG", "PWD", "OLDPWD", "SHLVL", "_"}
ARM = os.uname().machine == "aarch64"
CALLS = {"keyctl": 219 if ARM else 250, "userfaultfd": 282 if ARM else 323, "io_uring_setup": 425}
UNSHARE, CLONE_NEWUSER = 97 if ARM else 272, 0x10000000
OUTSIDE = ("/probe", "/usr/probe", "/etc/probe", "/dev/probe", "/proc/sys/probe")


def capabilities() -> str:
    """Held or obtainable."""
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":\t", 1) for line in lines if line.startswith("Cap"))
    return " ".join(f"{name}={value}" for name, value in fields.items() if int(value, 16))


def network() -> str:
    """Any device but loopback, any way out."""
    devices = [line.split(":")[0].strip() for line in Path("/proc/net/dev").read_text().splitlines()[2:]]
    open_ways = [name for name in devices if name != "lo"]
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        way.connect(("192.0.2.1", 9))
        open_ways.append("route")
    return " ".join(open_ways)


def unix_sockets() -> str:
    try:
        socket.socket(socket.AF_UNIX).close()
    except OSError:
        return ""
    return "one was made"


def proc_sys() -> str:
    """Opening for writing is enough to know; nothing is written."""
    return _opened("/proc/sys/kernel/core_pattern", os.O_WRONLY)


def environment() -> str:
    return " ".join(sorted(set(os.environ) - INNER))


def parent_environment() -> str:
    """The environment that bubblewrap itself was started with."""
    content = Path("/proc/1/environ").read_bytes()
    names = {entry.partition(b"=")[0].decode(errors="replace") for entry in content.split(b"\0") if entry}
    return " ".join(sorted(names - OUTER))


def write_outside() -> str:
    """A file that could be made is removed again: where there is no wall it is one of the host's."""
    made = [path for path in OUTSIDE if _opened(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)]
    for path in made:
        os.unlink(path)
    return " ".join(made)


def read_outside() -> str:
    """The second argument is a file of the host's that only the service may read."""
    return _opened(sys.argv[2], os.O_RDONLY)


def processes() -> str:
    """The limit is the first argument; a child too many must be refused."""
    limit, children = int(sys.argv[1]), list[int]()
    try:
        for _ in range(2 * limit):
            child = os.fork()
            if child == 0:
                signal.pause()
            children.append(child)
    except OSError:
        return ""
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return f"{2 * limit} processes were started, the limit is {limit}"


def seccomp() -> str:
    return " ".join(name for name, number in CALLS.items() if not _refused(number, 0))


def user_namespaces() -> str:
    return "" if _refused(UNSHARE, CLONE_NEWUSER) else "a nested user namespace was made"


PROBES: tuple[Callable[[], str], ...] = (
    capabilities, network, proc_sys, environment, parent_environment, write_outside, read_outside, processes,
    seccomp, user_namespaces, unix_sockets,
)  # fmt: skip


def main() -> None:
    for probe in PROBES:
        try:
            wrong = probe()
        except Exception as error:  # a probe that breaks has not shown its wall
            wrong = f"{type(error).__name__}: {error}"
        print(json.dumps([probe.__name__, not wrong, wrong or "closed"]), flush=True)


def _opened(path: str, flags: int) -> str:
    try:
        os.close(os.open(path, flags))
    except OSError:
        return ""
    return path


def _refused(number: int, argument: int) -> bool:
    """True only for EPERM, the filter's answer: another error would be the kernel's own."""
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.syscall(number, argument, 0, 0, 0, 0) == -1 and ctypes.get_errno() == 1)


if __name__ == "__main__":
    main()
