"""The filter, read by a small BPF machine: which system calls a sandboxed program may make."""

from __future__ import annotations

import errno
import struct

import pytest

from app.workspace.sandbox import seccomp
from app.workspace.sandbox.execution import SandboxUnavailable
from app.workspace.sandbox.syscalls import MACHINES

ALLOW, KILL = 0x7FFF0000, 0x80000000
X86_64, I386 = 0xC000003E, 0x40000003
READ, MKNODAT, MKNOD, CLONE, CLONE3, SOCKET, IOCTL, SHMGET = 0, 259, 133, 56, 435, 41, 16, 29
SIGCHLD = 17


def decide(number: int, *args: int, arch: int = X86_64, machine: str = "x86_64") -> int:
    """What the filter of that machine answers to one system call."""
    data = struct.pack("=iIQ6Q", number, arch, 0, *args, *([0] * (6 - len(args))))
    code = list(struct.iter_unpack("=HBBI", seccomp.program(machine)))
    value, at = 0, 0
    while True:
        operation, when_true, when_false, operand = code[at]
        at += 1
        match operation:
            case 0x20:
                value = struct.unpack_from("=I", data, operand)[0]
            case 0x06:
                return operand
            case 0x15:
                at += when_true if value == operand else when_false
            case 0x25:
                at += when_true if value > operand else when_false
            case 0x35:
                at += when_true if value >= operand else when_false
            case 0x45:
                at += when_true if value & operand else when_false
            case _:
                raise AssertionError(f"unknown operation {operation:#x}")


def refused(number: int, *args: int, machine: str = "x86_64") -> int | None:
    """The errno of a refusal, None for an allowed call."""
    answer = decide(number, *args, arch=MACHINES[machine].audit, machine=machine)
    return None if answer == ALLOW else answer & 0xFFFF


@pytest.mark.parametrize(
    ("machine", "name"), [(machine, name) for machine, found in MACHINES.items() for name in found.denied]
)
def test_a_dangerous_call_is_refused(machine: str, name: str) -> None:
    assert refused(MACHINES[machine].denied[name], machine=machine) == errno.EPERM


def test_the_filter_of_arm64_lets_through_what_programs_need_and_stops_the_rest() -> None:
    arm = MACHINES["aarch64"]
    read, execve, openat, futex = 63, 221, 56, 98
    assert [refused(number, machine="aarch64") for number in (read, execve, openat, futex)] == [None] * 4
    assert refused(arm.clone, SIGCHLD, machine="aarch64") is None
    assert refused(arm.clone, SIGCHLD | 0x10000000, machine="aarch64") == errno.EPERM
    assert refused(arm.clone3, machine="aarch64") == errno.ENOSYS
    assert refused(arm.socket, 2, machine="aarch64") is None
    assert refused(arm.socket, 1, machine="aarch64") == errno.EAFNOSUPPORT
    assert refused(arm.ioctl, 0, 0x5412, machine="aarch64") == errno.EPERM
    assert refused(arm.shmget, 0, 65537, machine="aarch64") == errno.ENOMEM
    assert refused(arm.mknodat, 0, 0, 0o020666, machine="aarch64") == errno.EPERM
    assert decide(read, arch=X86_64, machine="aarch64") == KILL


def test_the_calls_of_arm64_are_those_of_x86_64_but_for_what_it_does_not_have() -> None:
    assert set(MACHINES["x86_64"].denied) - set(MACHINES["aarch64"].denied) == {
        "iopl",
        "ioperm",
        "modify_ldt",
        "uselib",
    }


@pytest.mark.parametrize("number", [READ, 1, 59, 202, 257, 332, 439])
def test_an_ordinary_call_is_allowed(number: int) -> None:
    assert refused(number) is None


def test_a_call_of_another_architecture_kills() -> None:
    assert decide(READ, arch=I386) == KILL


def test_a_call_of_the_x32_interface_kills() -> None:
    assert decide(0x40000000 + READ) == KILL


@pytest.mark.parametrize("flag", [0x20000, 0x10000000, 0x20000000, 0x40000000, 0x80])
def test_clone_makes_processes_but_no_namespaces(flag: int) -> None:
    assert refused(CLONE, SIGCHLD) is None
    assert refused(CLONE, SIGCHLD | flag) == errno.EPERM


def test_clone3_looks_missing_so_that_libc_falls_back_to_clone() -> None:
    assert refused(CLONE3) == errno.ENOSYS


@pytest.mark.parametrize(
    ("family", "answer"), [(2, None), (10, None), (1, errno.EAFNOSUPPORT), (16, 97), (40, 97)]
)
def test_only_internet_sockets_can_be_made(family: int, answer: int | None) -> None:
    assert refused(SOCKET, family) == answer


@pytest.mark.parametrize(
    ("request_", "answer"), [(0x5401, None), (0x5412, errno.EPERM), (0x541C, errno.EPERM)]
)
def test_nothing_can_be_typed_into_the_terminal(request_: int, answer: int | None) -> None:
    assert refused(IOCTL, 0, request_) == answer


@pytest.mark.parametrize(("size", "answer"), [(56, None), (65536, None), (65537, 12), (1 << 32, 12)])
def test_shared_segments_stay_small(size: int, answer: int | None) -> None:
    assert refused(SHMGET, 0, size) == answer


@pytest.mark.parametrize(
    ("mode", "answer"), [(0o010644, None), (0o100644, None), (0o020666, 1), (0o060666, 1)]
)
def test_pipes_can_be_made_and_devices_can_not(mode: int, answer: int | None) -> None:
    assert refused(MKNOD, 0, mode) == answer
    assert refused(MKNODAT, 0, 0, mode) == answer


@pytest.mark.parametrize("machine", ["i686", "riscv64", "armv7l"])
def test_another_machine_is_refused_rather_than_run_without_a_filter(machine: str) -> None:
    with pytest.raises(SandboxUnavailable, match=machine):
        seccomp.program(machine)
