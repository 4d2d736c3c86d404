"""`git http-backend` behind a small HTTP server on loopback, with basic authentication."""

from __future__ import annotations

import base64
import contextlib
import gzip
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

BACKEND = Path("/usr/lib/git-core/git-http-backend")
USER, TOKEN = "robot", "s3cret/token+of-a-robot"


class GitServer:
    """Serves the bare repositories below `root` until the block ends."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.slow_s = 0.0
        """Waited before each answer."""
        self.redirect_to: str | None = None
        self.echo = False
        """Refuse everything with what the request said about who it is."""
        self.asked: list[tuple[str, str | None]] = []
        """Path and Authorization of each request."""

    def __enter__(self) -> GitServer:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.git = self  # type: ignore[attr-defined]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *ignored: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def url(self, name: str = "shop.git") -> str:
        return f"http://{self.host}/{name}"


class GitProcess:
    """The same in a process of its own, for programs that fork."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __enter__(self) -> GitProcess:
        self.root.mkdir()
        argv = [sys.executable, "-m", "tests.remotes.http", str(self.root)]
        self._process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.host = f"127.0.0.1:{int(self._process.stdout.readline())}"
        return self

    def __exit__(self, *ignored: object) -> None:
        self._process.terminate()
        self._process.communicate()

    def url(self, name: str) -> str:
        return f"http://{self.host}/{name}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self._body())

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""

    def _answer(self, body: bytes) -> None:
        server = cast(GitServer, self.server.git)  # type: ignore[attr-defined]
        given = self.headers.get("authorization")
        server.asked.append((self.path, given))
        time.sleep(server.slow_s)
        if server.redirect_to is not None:
            self._send(302, [("Location", server.redirect_to + self.path)], b"")
            return
        expected = "Basic " + base64.b64encode(f"{USER}:{TOKEN}".encode()).decode()
        if given != expected:
            self._send(401, [("WWW-Authenticate", 'Basic realm="git"')], b"")
        elif server.echo:
            plain = base64.b64decode(given.removeprefix("Basic ")).decode()
            self._send(403, [("Content-Type", "text/plain")], f"you sent {given} = {plain}\n".encode() * 60)
        else:
            self._backend(server, body)

    def _backend(self, server: GitServer, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "REMOTE_USER": USER,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "GIT_PROTOCOL": self.headers.get("git-protocol", ""),
        }
        done = subprocess.run([BACKEND], input=body, env=environment, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        pairs = [line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line]
        status = next((int(value.split()[0]) for name, value in pairs if name == "Status"), 200)
        self._send(status, [(name, value) for name, value in pairs if name != "Status"], content)

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            body = b"".join(parts)
        else:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
        return gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body

    def _send(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the client may be dead by now
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)


def bare(root: Path, name: str = "shop.git", copied_from: Path | None = None) -> Path:
    """A bare repository that takes pushes, with the branches of another one."""
    folder = root / name
    where = [str(copied_from)] if copied_from else []
    make = (
        ["clone", "-q", "--bare", "--no-hardlinks"] if copied_from else ["init", "-q", "--bare", "-b", "main"]
    )
    quiet = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": "/nonexistent"}
    subprocess.run(["git", *make, *where, str(folder)], env=quiet, check=True, capture_output=True)
    subprocess.run(["git", "-C", str(folder), "config", "http.receivepack", "true"], env=quiet, check=True)
    return folder


def refs(folder: Path) -> dict[str, str]:
    """Branch → commit."""
    done = subprocess.run(
        ["git", "-C", str(folder), "for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return dict(line.split() for line in done.stdout.splitlines())


@contextlib.contextmanager
def served(root: Path, *, copied_from: Path | None = None) -> Iterator[GitServer]:
    """A server with `shop.git`."""
    root.mkdir(exist_ok=True)
    bare(root, copied_from=copied_from)
    with GitServer(root) as server:
        yield server


if __name__ == "__main__":
    with GitServer(Path(sys.argv[1])) as started:
        print(started.host.rpartition(":")[2], flush=True)
        threading.Event().wait()
