"""The system calls that a sandboxed program may not make, as a seccomp BPF program."""

from __future__ import annotations

import errno
import platform
import struct
from functools import lru_cache

from app.workspace.sandbox.execution import SandboxUnavailable

DENIED = {
    "process_vm_readv": 310, "process_vm_writev": 311, "ptrace": 101, "kcmp": 312, "pidfd_getfd": 438,
    "process_madvise": 440, "add_key": 248, "request_key": 249, "keyctl": 250, "bpf": 321,
    "perf_event_open": 298, "userfaultfd": 323, "io_uring_setup": 425, "io_uring_enter": 426,
    "io_uring_register": 427, "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161,
    "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433,
    "mount_setattr": 442, "open_tree_attr": 467, "unshare": 272, "setns": 308, "init_module": 175,
    "finit_module": 313, "delete_module": 176, "kexec_load": 246, "kexec_file_load": 320,
    "settimeofday": 164, "clock_settime": 227, "clock_adjtime": 305, "adjtimex": 159,
    "name_to_handle_at": 303, "open_by_handle_at": 304, "swapon": 167, "swapoff": 168, "reboot": 169,
    "acct": 163, "quotactl": 179, "quotactl_fd": 443, "syslog": 103, "iopl": 172, "ioperm": 173,
    "modify_ldt": 154, "uselib": 134, "sethostname": 170, "setdomainname": 171, "vhangup": 153,
    "lookup_dcookie": 212, "fanotify_init": 300, "migrate_pages": 256, "move_pages": 279,
    "memfd_create": 319, "memfd_secret": 447,
}  # fmt: skip
"""Refused with EPERM; numbers of x86-64. Pages of a memfd would escape the watch over memory."""

CLONE, CLONE3, SOCKET, IOCTL, SHMGET, MKNOD, MKNODAT = 56, 435, 41, 16, 29, 133, 259

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
_X86_64, _X32 = 0xC000003E, 0x40000000


@lru_cache
def program(machine: str | None = None, *, unix_sockets: bool = False) -> bytes:
    """The filter for this machine. Refuses another architecture rather than run without a filter."""
    machine = machine or platform.machine()
    if machine != "x86_64":
        raise SandboxUnavailable(
            f"the sandbox has no system call filter for {machine}, only for x86_64; "
            "run the worker on an x86_64 machine"
        )
    rules = [_op(_LOAD, 4), *_unless(_EQUAL, _X86_64, _KILL), _op(_LOAD, 0), *_when(_AT_LEAST, _X32, _KILL)]
    for number in DENIED.values():
        rules += _when(_EQUAL, number, _ERRNO | errno.EPERM)
    rules += _when(_EQUAL, CLONE3, _ERRNO | errno.ENOSYS)  # its flags are behind a pointer; libc uses clone
    rules += _on(CLONE, _op(_LOAD, _low(0)), *_when(_AND_SET, NEW_NAMESPACES, _ERRNO | errno.EPERM))
    rules += _on(SOCKET, *_families(AF_INET, AF_INET6, *([AF_UNIX] if unix_sockets else [])))
    rules += _on(IOCTL, _op(_LOAD, _low(1)), *_terminal())
    rules += _on(SHMGET, *_small_segment())
    rules += _on(MKNOD, _op(_LOAD, _low(1)), *_when(_AND_SET, DEVICE_BIT, _ERRNO | errno.EPERM))
    rules += _on(MKNODAT, _op(_LOAD, _low(2)), *_when(_AND_SET, DEVICE_BIT, _ERRNO | errno.EPERM))
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
