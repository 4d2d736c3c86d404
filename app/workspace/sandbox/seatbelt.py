"""The profile for macOS' sandbox-exec, as text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.workspace.sandbox.access import Access

PROGRAM = "/usr/bin/sandbox-exec"
SYSTEM = ("/usr", "/bin", "/sbin", "/System", "/Library", "/opt/homebrew", "/private/etc/localtime")
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")


def prefix(folder: Path, shown: Sequence[Path], access: Access) -> tuple[str, ...]:
    """What a command is put behind. `shown` are folders that may be read beside those of the system."""
    return (PROGRAM, "-p", profile(folder, shown, access))


def profile(folder: Path, shown: Sequence[Path], access: Access) -> str:
    """Everything is denied that is not allowed here; a later rule goes before an earlier one."""
    writable = [folder, *([access.writable] if access.writable else [])]
    readable = [*map(Path, SYSTEM), *shown, *access.folders, *writable]
    lines = [
        "(version 1)",
        "(deny default)",
        "(allow process-fork)",
        "(allow process-exec)",
        "(allow signal (target same-sandbox))",
        "(allow sysctl-read)",
        "(allow file-read-metadata)",
        f"(allow file-read* {_paths(readable)})",
        f"(allow file-read* file-write* {_paths(writable)})",
        f"(allow file-read* file-write-data {' '.join(f'(literal {_quoted(path)})' for path in DEVICES)})",
    ]
    if access.network:
        lines.append("(allow network*)")
        lines.append('(allow file-read* (subpath "/private/etc/ssl") (literal "/private/etc/resolv.conf"))')
        lines.append('(allow mach-lookup (global-name "com.apple.dnssd.service"))')
    if access.unix_sockets:
        lines.append(f"(allow network* {_paths(writable)})")
    return "\n".join(lines) + "\n"


def _paths(paths: Sequence[Path]) -> str:
    return " ".join(f"(subpath {_quoted(str(path))})" for path in paths)


def _quoted(path: str) -> str:
    """A string of the profile's language: a path can not leave it."""
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'
