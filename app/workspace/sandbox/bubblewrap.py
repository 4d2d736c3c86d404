"""The command line that puts a program behind bubblewrap, and as root behind another user first."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from glob import glob

from app.workspace.sandbox import staging
from app.workspace.sandbox.access import Access
from app.workspace.sandbox.execution import InterpreterUnusable, SandboxUnavailable
from app.workspace.sandbox.interpreter import Layout
from app.workspace.sandbox.limits import RESULT_BYTES, Limits, prlimit
from app.workspace.sandbox.system_user import SystemUser

HOME = "/home/sbx"
OUT = "/out"
JUNIT = f"{OUT}/junit.xml"
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
OUTER_ENV = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
"""All that bubblewrap itself gets: its environment stays readable at /proc/1/environ inside."""
ETC = {
    "/etc/passwd": "sandbox:x:1000:1000:sandbox:/home/sbx:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n",
    "/etc/group": "sandbox:x:1000:\nnogroup:x:65534:\n",
    "/etc/hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
}

READ_ONLY = ("/etc/ld.so.cache", "/etc/localtime", "/etc/alternatives")
NETWORKED = (
    "/etc/resolv.conf",
    "/etc/nsswitch.conf",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/etc/pip.conf",
)
"""Shown too where the network is open: names, certificates, and where this host gets its packages from."""
MAVEN = ("/etc/maven/m2.conf", "/etc/maven/logging")
"""What Debian's Maven can not start without; its settings.xml may hold passwords and stays outside."""

COPY_FAILED = 125
INNER_SCRIPT = f"""
junit=$1; shift
tar -x -f - --no-same-owner || exit {COPY_FAILED}
echo ready
"$@" </dev/null >&2
code=$?
[ -f "$junit" ] && [ ! -L "$junit" ] && head -c {RESULT_BYTES + 1} "$junit"
exit $code
"""
"""stdin brings the source as an archive, stdout carries the result file, stderr all output of the command.
So no file of the host is writable inside, and none of the sandbox is opened outside."""

INSTALL = (
    "install it (Debian, Ubuntu: `apt-get install bubblewrap`; Fedora: `dnf install bubblewrap`). "
    "Ubuntu 24.04 also needs an AppArmor profile for bwrap that grants `userns`; "
    "in Docker start the container with `--security-opt seccomp=unconfined --security-opt "
    "apparmor=unconfined --security-opt systempaths=unconfined`, or run the worker on the host"
)


@dataclass(frozen=True)
class Tools:
    """The programs of the host that a run needs."""

    bwrap: str
    tar: str
    prlimit: str
    setsid: str
    root: Mapping[str, str]
    """Only as root: unshare, nsenter, setpriv."""


def tools(as_root: bool) -> Tools:
    """Where the programs are. Raises SandboxUnavailable naming those that are missing."""
    names = [
        "bwrap",
        "tar",
        "prlimit",
        "setsid",
        *(["unshare", "nsenter", "setpriv", "mount"] if as_root else []),
    ]
    found = {name: path for name in names if (path := shutil.which(name))}
    missing = [name for name in names if name not in found]
    if "bwrap" in missing:
        raise SandboxUnavailable(
            f"bubblewrap (bwrap) is missing, so nothing is run: {INSTALL}", missing=missing
        )
    if missing:
        raise SandboxUnavailable(f"missing programs: {', '.join(missing)}; install tar and util-linux")
    return Tools(found["bwrap"], found["tar"], found["prlimit"], found["setsid"], found)


def work_folder(layout: Layout) -> str:
    """Where the throw-away copy stands: /work, unless the interpreter itself lives there."""
    taken = any(path.is_relative_to("/work") for _, path in layout.folders)
    return "/throw-away" if taken else "/work"


def environment(layout: Layout, extra: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of the program inside."""
    path = f"{layout.bin}:{SYSTEM_PATH}" if layout.bin else SYSTEM_PATH
    base = {"PATH": path, "HOME": HOME, "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
    return {**base, **extra, "WORKBENCH_IN_SANDBOX": "1"}


def chain(
    tools: Tools, user: SystemUser | None, space: str | None, options: int, inner: list[str]
) -> list[str]:
    """The whole argv; bubblewrap reads its options from the file descriptor `options`.

    `space`: the mount namespace that it starts from.
    """
    bwrap = [tools.bwrap, "--args", str(options), "--", *inner]
    if user is None:
        return bwrap
    identity = [f"--reuid={user.uid}", f"--regid={user.gid}", "--clear-groups"]
    weaker = ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
    setpriv = [tools.root["setpriv"], *identity, *weaker, *bwrap]
    return setpriv if space is None else [tools.root["nsenter"], f"--mount={space}", "--", *setpriv]


def inner(tools: Tools, limits: Limits, argv: Iterable[str]) -> list[str]:
    """What runs inside: limits, the copy of the source, the command, its result file.

    A session of its own, by setsid and not by bubblewrap: that would take its first process out of the group
    that dies with the service, and for a moment nothing else would end it.
    """
    return [tools.setsid, *prlimit(tools.prlimit, limits), "/bin/sh", "-c", INNER_SCRIPT, "sh", JUNIT, *argv]


def options(
    layout: Layout,
    staged: bool,
    limits: Limits,
    access: Access,
    env: Mapping[str, str],
    seccomp: int,
    info: int,
    files: ExitStack,
) -> tuple[list[str], list[int]]:
    """bubblewrap's options and the file descriptors that they name; `files` closes those made here."""
    data = {path: data_file(path, text.encode(), files) for path, text in ETC.items()}
    work = work_folder(layout)
    parts = [*_isolation(access), *_variables(env), *_system(access), *_devices(limits)]
    parts += [part for path, fd in data.items() for part in ("--ro-bind-data", str(fd), path)]
    parts += [*_scratch("/tmp", limits.tmp_bytes), *_scratch(HOME, limits.home_bytes)]  # noqa: S108
    parts += [*_scratch(OUT, 2 * RESULT_BYTES), *_scratch(work, limits.work_bytes)]
    parts += _interpreter(layout, staged)  # after the scratch folders: a mount over its parent would hide it
    parts += ["--remount-ro", "/", "--chdir", work, "--seccomp", str(seccomp), "--info-fd", str(info)]
    return parts, [*data.values(), seccomp, info]


def data_file(name: str, content: bytes, files: ExitStack) -> int:
    """A file descriptor from which a child process reads `content`."""
    fd = os.memfd_create(name)
    files.callback(os.close, fd)
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def require_reachable(layout: Layout, user: SystemUser | None) -> None:
    """The staging opens the way to a folder, not the folder itself: that must be open to all."""
    for real, _ in layout.folders if user else ():
        if not real.stat().st_mode & 0o005 == 0o005:
            raise InterpreterUnusable(
                f"the sandbox's user can not enter {real}; open it (`chmod o+rx`) or name another interpreter"
            )


def _isolation(access: Access) -> list[str]:
    spaces = ["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts"]
    spaces += [] if access.network else ["--unshare-net"]
    nested = ["--unshare-cgroup-try", "--disable-userns", "--assert-userns-disabled"]
    identity = ["--uid", "1000", "--gid", "1000", "--cap-drop", "ALL", "--hostname", "sandbox"]
    return [*spaces, *nested, *identity, "--die-with-parent"]


def _variables(env: Mapping[str, str]) -> list[str]:
    return ["--clearenv", *(part for name, value in env.items() for part in ("--setenv", name, value))]


def _system(access: Access) -> list[str]:
    parts = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        path = f"/{name}"
        if os.path.islink(path):
            parts += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            parts += ["--ro-bind", path, path]
    java = sorted(glob("/etc/java-*-openjdk"))  # Debian's JDK in /usr is configured there
    for path in (*READ_ONLY, *MAVEN, *java, *(NETWORKED if access.network else ())):
        parts += ["--ro-bind-try", path, path]
    return parts


def _devices(limits: Limits) -> list[str]:
    proc = ["--proc", "/proc", "--ro-bind-try", "/proc/sys", "/proc/sys"]
    tty = ["--dev-bind", "/dev/null", "/dev/tty"]  # nobody inside shares the terminal of the service
    return [*proc, "--dev", "/dev", *tty, *_scratch("/dev/shm", limits.shm_bytes), "--remount-ro", "/dev"]  # noqa: S108


def _scratch(path: str, size: int) -> list[str]:
    return ["--size", str(size), "--tmpfs", path]


def _interpreter(layout: Layout, staged: bool) -> list[str]:
    parts = []
    for number, (real, path) in enumerate(layout.folders):
        how = "--bind" if path == layout.writable else "--ro-bind"
        parts += [how, str(staging.place(number)) if staged else str(real), str(path)]
    for path, target in layout.links:
        parts += ["--symlink", target, str(path)]
    return parts
