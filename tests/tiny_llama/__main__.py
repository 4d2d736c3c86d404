"""`python -m tests.tiny_llama --port 0`: writes the model, serves it, prints the URL, ends on SIGTERM."""

from __future__ import annotations

import argparse
import signal
import socket
import tempfile
import threading
from pathlib import Path

import xllamacpp

from tests.tiny_llama.model import write_model


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m tests.tiny_llama", description=__doc__)
    words.add_argument("--port", type=int, default=0)
    words.add_argument("--context", type=int, default=4_096, help="tokens of each of the four slots")
    words.add_argument("--seconds", type=float, default=600.0, help="ends after this time at the latest")
    given = words.parse_args()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "tiny.gguf"
        write_model(model)
        server = xllamacpp.Server(_parameters(model, given.port or _free_port(), given.context))
        print(server.listening_address, flush=True)
        ended.wait(given.seconds)


def _parameters(model: Path, port: int, context: int) -> xllamacpp.CommonParams:
    wanted = xllamacpp.CommonParams()
    wanted.model.path = str(model)
    wanted.n_parallel = 4
    wanted.n_ctx = 4 * context
    wanted.cpuparams.n_threads = wanted.cpuparams_batch.n_threads = 1
    wanted.hostnames = ["127.0.0.1"]
    wanted.port = port
    wanted.model_alias = {"tiny"}
    wanted.warmup = False
    wanted.use_jinja = True
    return wanted


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


main()
