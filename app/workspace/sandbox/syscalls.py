"""Numbers of system calls on each architecture that the sandbox knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Machine:
    """What a filter has to know of one architecture."""

    audit: int
    """How the kernel names it (`AUDIT_ARCH_…`)."""
    denied: Mapping[str, int]
    """Refused with EPERM. Pages of a memfd would escape the watch over memory."""
    clone: int
    clone3: int
    socket: int
    ioctl: int
    shmget: int
    mknodat: int
    mknod: int | None = None
    x32: int | None = None
    """Numbers from here on are a second interface of the same architecture."""


X86_64 = Machine(
    audit=0xC000003E,
    denied={
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
    },
    clone=56, clone3=435, socket=41, ioctl=16, shmget=29, mknodat=259, mknod=133,
    x32=0x40000000,
)  # fmt: skip
ARM64 = Machine(
    audit=0xC00000B7,
    denied={
        "process_vm_readv": 270, "process_vm_writev": 271, "ptrace": 117, "kcmp": 272, "pidfd_getfd": 438,
        "process_madvise": 440, "add_key": 217, "request_key": 218, "keyctl": 219, "bpf": 280,
        "perf_event_open": 241, "userfaultfd": 282, "io_uring_setup": 425, "io_uring_enter": 426,
        "io_uring_register": 427, "mount": 40, "umount2": 39, "pivot_root": 41, "chroot": 51,
        "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433,
        "mount_setattr": 442, "open_tree_attr": 467, "unshare": 97, "setns": 268, "init_module": 105,
        "finit_module": 273, "delete_module": 106, "kexec_load": 104, "kexec_file_load": 294,
        "settimeofday": 170, "clock_settime": 112, "clock_adjtime": 266, "adjtimex": 171,
        "name_to_handle_at": 264, "open_by_handle_at": 265, "swapon": 224, "swapoff": 225, "reboot": 142,
        "acct": 89, "quotactl": 60, "quotactl_fd": 443, "syslog": 116, "sethostname": 161,
        "setdomainname": 162, "vhangup": 58, "lookup_dcookie": 18, "fanotify_init": 262,
        "migrate_pages": 238, "move_pages": 239, "memfd_create": 279, "memfd_secret": 447,
    },
    clone=220, clone3=435, socket=198, ioctl=29, shmget=194, mknodat=33,
)  # fmt: skip
"""The generic numbers of `asm-generic/unistd.h`; there is no mknod, ioperm or modify_ldt."""

MACHINES: Mapping[str, Machine] = {"x86_64": X86_64, "aarch64": ARM64}
