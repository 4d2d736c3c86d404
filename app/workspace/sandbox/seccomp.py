"""The system calls that a sandboxed program may not make, as a seccomp BPF program."""

from __future__ import annotations

import errno
import platform
import struct
from functools import lru_cache

from app.workspace.sandbox.execution import SandboxUnavailable
from app.workspace.sandbox.syscalls import MACHINES

NEW_NAMESPACES = 0x7E020080
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET and NEWTIME."""
AF_UNIX, AF_INET, AF_INET6 = 1, 2, 10
TIOCSTI, TIOCLINUX = 0x5412, 0x541C
"""Type into, or talk to, the terminal of whoever started the service."""
SHARED_SEGMENT_BYTES = 64 * 1024
"""A detached segment is in nobody's resident memory; this keeps all 4,096 of them under 256 MiB."""
DEVICE_BIT = 0o020000
"""Set in the mode of character and block devices, not in that of a FIFO."""

_LOAD, _AND_SET, _EQUAL, _GREATER, _AT_LEAST, _RETURN = 0x20, 0x45, 0x15, 0x25, 0x35, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000


@lru_cache
def program(machine: str | None = None, *, unix_sockets: bool = False) -> bytes:
    """The filter for this machine. Refuses another architecture rather than run without a filter."""
    name = machine or platform.machine()
    if name not in MACHINES:
        raise SandboxUnavailable(
            f"the sandbox has no system call filter for {name}, only for {' and '.join(MACHINES)}; "
            "run the worker on such a machine"
        )
    calls = MACHINES[name]
    rules = [_op(_LOAD, 4), *_unless(_EQUAL, calls.audit, _KILL), _op(_LOAD, 0)]
    if calls.x32 is not None:
        rules += _when(_AT_LEAST, calls.x32, _KILL)
    for number in calls.denied.values():
        rules += _when(_EQUAL, number, _ERRNO | errno.EPERM)
    rules += _when(_EQUAL, calls.clone3, _ERRNO | errno.ENOSYS)  # its flags are behind a pointer
    rules += _on(calls.clone, _op(_LOAD, _low(0)), *_when(_AND_SET, NEW_NAMESPACES, _ERRNO | errno.EPERM))
    families = (AF_INET, AF_INET6, *([AF_UNIX] if unix_sockets else []))
    rules += _on(calls.socket, *_families(*families))
    rules += _on(calls.ioctl, _op(_LOAD, _low(1)), *_terminal())
    rules += _on(calls.shmget, *_small_segment())
    rules += _on(calls.mknodat, _op(_LOAD, _low(2)), *_when(_AND_SET, DEVICE_BIT, _ERRNO | errno.EPERM))
    if calls.mknod is not None:
        rules += _on(calls.mknod, _op(_LOAD, _low(1)), *_when(_AND_SET, DEVICE_BIT, _ERRNO | errno.EPERM))
    return b"".join([*rules, _op(_RETURN, _ALLOW)])


def _families(*allowed: int) -> list[bytes]:
    """Sockets of these families only."""
    refused = _op(_RETURN, _ERRNO | errno.EAFNOSUPPORT)
    tests = [_op(_EQUAL, family, len(allowed) - at) for at, family in enumerate(allowed)]
    return [_op(_LOAD, _low(0)), *tests, refused]


def _terminal() -> list[bytes]:
    refused = _ERRNO | errno.EPERM
    return [*_when(_EQUAL, TIOCSTI, refused), *_when(_EQUAL, TIOCLINUX, refused)]


def _small_segment() -> list[bytes]:
    refused = _ERRNO | errno.ENOMEM
    high = [_op(_LOAD, _low(1) + 4), *_unless(_EQUAL, 0, refused)]
    return [*high, _op(_LOAD, _low(1)), *_when(_GREATER, SHARED_SEGMENT_BYTES, refused)]


def _on(number: int, *rules: bytes) -> list[bytes]:
    """`rules` for one system call only; afterwards its number is loaded again."""
    return [_op(_EQUAL, number, 0, len(rules) + 1), *rules, _op(_LOAD, 0)]


def _when(test: int, value: int, verdict: int) -> list[bytes]:
    return [_op(test, value, 0, 1), _op(_RETURN, verdict)]


def _unless(test: int, value: int, verdict: int) -> list[bytes]:
    return [_op(test, value, 1, 0), _op(_RETURN, verdict)]


def _low(argument: int) -> int:
    """Offset of the lower half of an argument in `struct seccomp_data`."""
    return 16 + 8 * argument


def _op(code: int, value: int, when_true: int = 0, when_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, when_true, when_false, value)
