"""An ssh server on loopback that takes one key, for pushes over ssh."""

from __future__ import annotations

import contextlib
import getpass
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SSHD = shutil.which("sshd") or shutil.which("/usr/sbin/sshd")
MISSING = "no sshd here: apt-get install openssh-server"


@dataclass(frozen=True)
class SshServer:
    port: int
    key: Path
    known_hosts: Path

    def url(self, folder: Path) -> str:
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{folder}"


@contextlib.contextmanager
def ssh_server(folder: Path) -> Iterator[SshServer]:
    """Its files are in `folder`; the process is ended by its id."""
    folder.mkdir(mode=0o700)
    for name in ("host", "client"):
        make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(make, check=True, capture_output=True)
    (folder / "authorized_keys").write_text((folder / "client.pub").read_text())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    kind, key, *_ = (folder / "host.pub").read_text().split()
    (folder / "known hosts").write_text(f"[127.0.0.1]:{port} {kind} {key}\n")
    (folder / "config").write_text(
        f'ListenAddress 127.0.0.1:{port}\nHostKey "{folder}/host"\nPidFile none\nStrictModes no\n'
        f'AuthorizedKeysFile "{folder}/authorized_keys"\nPasswordAuthentication no\nUsePAM no\n'
        "PermitRootLogin prohibit-password\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    process = subprocess.Popen([str(SSHD), "-D", "-e", "-f", str(folder / "config")], stderr=subprocess.PIPE)
    try:
        _wait(port, process)
        yield SshServer(port, folder / "client", folder / "known hosts")
    finally:
        process.terminate()
        process.communicate()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if process.poll() is not None:
            raise RuntimeError(f"sshd did not start: {(process.stderr.read() if process.stderr else b'')!r}")
        time.sleep(0.02)
    raise RuntimeError("sshd does not answer")
