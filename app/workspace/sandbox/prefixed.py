"""Runs a command in a throw-away folder of the host, behind a prefix that shuts it in, or behind none."""

from __future__ import annotations

import secrets
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from app.workspace.sandbox.bubblewrap import COPY_FAILED, OUTER_ENV, SYSTEM_PATH
from app.workspace.sandbox.execution import Command, SandboxUnavailable, expand
from app.workspace.sandbox.limits import RESULT_BYTES, Limits, prlimit
from app.workspace.sandbox.supervisor import MARK, Launch

FOLDER = "{folder}"
"""In the operator's prefix: the only folder of the host that the command may write."""

SCRIPT = f"""
folder=$1; shift
cd "$folder" && mkdir out home work && cd work && tar -x -f - --no-same-owner || exit {COPY_FAILED}
echo ready
"$@" </dev/null >&2
code=$?
junit=$folder/out/junit.xml
[ -f "$junit" ] && [ ! -L "$junit" ] && head -c {RESULT_BYTES + 1} "$junit"
exit $code
"""
"""Like the one of bubblewrap: the service opens no file that the command could have made."""


def throw_away(stack: ExitStack) -> Path:
    """An empty folder for whoever knows its name, which nobody can list; gone with the stack."""
    outer = Path(tempfile.mkdtemp(prefix="workbench-run-"))
    stack.callback(shutil.rmtree, outer, True)
    folder = outer / secrets.token_hex(16)
    folder.mkdir()
    folder.chmod(0o777)
    outer.chmod(0o711)  # to pass, not to list
    return folder


def launch(prefix: tuple[str, ...], folder: Path, command: Command, limits: Limits, archive: int) -> Launch:
    """Under the limits of the kernel; size and number of its files are counted from outside."""
    mark = secrets.token_hex(16)
    env = [f"{name}={value}" for name, value in _environment(folder, command, mark).items()]
    argv = expand(command, str(folder / "out" / "junit.xml"))
    inner = [*limited(limits), "/bin/sh", "-c", SCRIPT, "sh", str(folder), *argv]
    return Launch(
        argv=(*prefix, "/usr/bin/env", "-i", *env, *inner),
        env=OUTER_ENV,
        stdin=archive,
        folder=folder,
        mark=mark,
        cwd=str(folder),
    )


def limited(limits: Limits, system: str = sys.platform) -> list[str]:
    """What sets the limits of a process: util-linux, or the shell where there is none."""
    if system == "darwin":
        sizes = f"ulimit -f {limits.file_bytes // 512}; ulimit -n {limits.open_files}; ulimit -c 0"
        counts = f"ulimit -u {limits.processes}; ulimit -t {limits.cpu_s}"
        return ["/bin/sh", "-c", f'{counts}; {sizes}; exec "$@"', "sh"]
    program = shutil.which("prlimit")
    if program is None:
        raise SandboxUnavailable("prlimit is missing; install util-linux")
    return prlimit(program, limits)


def _environment(folder: Path, command: Command, mark: str) -> dict[str, str]:
    path = f"{command.python.parent}:{SYSTEM_PATH}" if command.python else SYSTEM_PATH
    base = {"PATH": path, "HOME": str(folder / "home"), "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
    return {**base, **command.env, "WORKBENCH_IN_SANDBOX": "1", MARK: mark}
