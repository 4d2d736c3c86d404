"""A tiny HTTP server that keeps what it is sent and answers as a test says."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Got:
    """One request."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Receiver:
    """`async with Receiver(status(503), OK)`: answers in this order, the last one for ever.

    An empty answer means: it reads the request and says nothing.
    """

    def __init__(
        self,
        *answers: bytes,
        tls: ssl.SSLContext | None = None,
        heard: Callable[[Got], None] = lambda got: None,
    ) -> None:
        """`heard` is told of each request before it is answered."""
        self.got: list[Got] = []
        self.asked = asyncio.Event()
        self._answers: Sequence[bytes] = answers or (OK,)
        self._tls = tls
        self._heard = heard

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=self._tls)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.got.append(Got(head[0], headers, body))
            self.asked.set()
            self._heard(self.got[-1])
            answer = self._answers[min(len(self.got), len(self._answers)) - 1]
            writer.write(answer)
            await writer.drain()
            if not answer:
                await reader.read()
        except (OSError, EOFError):
            pass  # the client left
        finally:
            writer.close()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nthere"


def status(code: int, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {code} Said", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
