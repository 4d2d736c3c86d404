"""Shows folders to a user who can not reach them, by mounting them in a namespace of their own."""

from __future__ import annotations

import os
import stat
import subprocess
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from app.workspace.sandbox.execution import SandboxUnavailable

STAGE = Path("/run/workbench-sandbox")
"""Empty folders to mount over."""
KEPT = 128
"""More sets of folders than a service ever has at once."""
SCRIPT = """
set -e
stage=$1; shift
n=0
for real; do
  mount --bind "$real" "$stage/$n"; n=$((n+1))
done
echo ready
read -r _
"""
"""Ends with its stdin; by then the namespace is held from outside."""

_namespaces: OrderedDict[tuple[tuple[str, int, int], ...], int] = OrderedDict()
_making = threading.Lock()


def namespace(unshare: str, folders: Sequence[Path]) -> str:
    """A path to the mount namespace in which folder `n` is at `place(n)`. Blocking; as root only.

    It is made once: each mount would cost every run a process. A folder that was made anew is another one.
    """
    key = tuple((str(path), found.st_dev, found.st_ino) for path in folders if (found := path.stat()))
    with _making:
        if key not in _namespaces:
            _namespaces[key] = _make(unshare, folders, stage(len(folders)))
            while len(_namespaces) > KEPT:
                os.close(_namespaces.popitem(last=False)[1])
        _namespaces.move_to_end(key)
        return f"/proc/{os.getpid()}/fd/{_namespaces[key]}"


def place(number: int) -> Path:
    return STAGE / str(number)


def stage(places: int, folder: Path = STAGE) -> Path:
    """The mount points, made on the first use; refused when somebody else could have made them."""
    try:
        _open_folder(folder)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise SandboxUnavailable(f"{folder} must be a folder that only root can write; remove it")
        for number in range(places):
            _open_folder(folder / str(number))
    except OSError as error:
        raise SandboxUnavailable(f"can not make a folder in {folder}: {error.strerror}") from error
    return folder


def _make(unshare: str, folders: Sequence[Path], folder: Path) -> int:
    """A file descriptor that keeps the namespace. It follows the host's mounts, the host not its own."""
    apart = [unshare, "--mount", "--propagation", "slave", "/bin/sh", "-c", SCRIPT, "sh", str(folder)]
    env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
    argv = [*apart, *map(str, folders)]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, env=env, stdin=pipe, stdout=pipe, stderr=pipe, process_group=0) as maker:  # noqa: S603
        assert maker.stdout is not None  # noqa: S101 - all are pipes
        assert maker.stderr is not None  # noqa: S101
        if maker.stdout.readline() == b"ready\n":
            return os.open(f"/proc/{maker.pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        said = maker.stderr.read().decode(errors="replace").strip()
    raise SandboxUnavailable(f"folders can not be shown to the sandbox's user: {said}")


def _open_folder(path: Path) -> None:
    """Made for everybody to enter, whatever the umask of the service."""
    if not path.exists():
        path.mkdir(exist_ok=True)
        path.chmod(0o755)
