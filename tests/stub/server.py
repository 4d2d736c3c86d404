"""The HTTP server of the stub: raw sockets, so that it can break off, drip and flood."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from app.usage.tokens import Tokens
from tests.stub.scenarios import FAULTS, MANNERS, SHAPES
from tests.stub.shapes import Fault, Manner, Reply, Shape, as_json, billed
from tests.stub.wires import WIRES, called_tool, prompt

DRIP_S = 0.02
LAST_CHUNK = b"0\r\n\r\n"


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any] = field(default_factory=dict)


class Stub:
    """`async with Stub("ollama", "429") as stub`: then `stub.url` answers until the block ends.

    Each chat request takes the next of `scenarios`, by name or as a `Shape`; the last one stays. Shapes of
    a script end with an error instead. `models` names the fault that a request for the models meets;
    `elsewhere` is the URL that redirects lead to.
    """

    def __init__(
        self,
        protocol: str,
        *scenarios: str | Shape,
        models: str = "ok",
        elsewhere: str = "",
        script: Sequence[Shape] | None = None,
        port: int = 0,
    ) -> None:
        self.protocol = protocol
        self.requests: list[Request] = []
        """Chat requests, in order."""
        self.seen: list[Request] = []
        """All requests, whatever they asked for."""
        self.bill = Tokens()
        """What the server would charge: every answer that was made, also one that got lost."""
        self.version: str | None = None
        """What it says of itself; None: the version that its wire form was read from."""
        self.hung_up = asyncio.Event()
        """Set when a client left before its answer was complete."""
        self._wire = WIRES[protocol]
        self._next: deque[str | Shape] = deque(script if script is not None else scenarios or ("ok",))
        self._scripted = script is not None
        self._models = models
        self._elsewhere = elsewhere
        self._port = port
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    @property
    def url(self) -> str:
        """The base URL as the backend's setting wants it."""
        return f"http://127.0.0.1:{self._port}" + ("/v1" if self.protocol == "openai" else "")

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while request := await _read(reader):
                if not await self._send(self._reply(request), reader, writer):
                    break
        writer.close()
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await writer.wait_closed()

    def _reply(self, request: Request) -> Reply:
        self.seen.append(request)
        if request.path == self._wire.version:
            body = self._wire.version_body if self.version is None else {"version": self.version}
            return _whole(200, as_json(body))
        if request.path.split("?")[0] == self._wire.models:
            fault = FAULTS.get(self._models)
            return self._fault(fault) if fault else _whole(200, as_json(self._wire.model_list()))
        if request.path != self._wire.chat:
            return self._fault(Fault(404, "not_found_error", f"no such path: {request.path}"))
        self.requests.append(request)
        wanted = self._take()
        if isinstance(wanted, str) and wanted in FAULTS:
            return self._fault(FAULTS[wanted])
        manner = MANNERS.get(wanted, "whole") if isinstance(wanted, str) else "whole"
        shape = SHAPES.get(wanted, Shape()) if isinstance(wanted, str) else wanted
        tokens = billed(shape, prompt(request.body))
        self.bill += tokens
        called = called_tool(request.body, shape)
        whole = self._wire.answer(shape, tokens, str(request.body.get("model", "")), called)
        if request.body.get("stream") and manner != "unstreamed":
            return self._stream(shape, whole, manner)
        body = as_json(whole)
        headers = _headers(len(body))
        if manner in ("drip", "flood"):
            del headers["content-length"]
        return Reply(200, body, headers, manner)

    def _stream(self, shape: Shape, whole: dict[str, Any], manner: Manner) -> Reply:
        kind, parts, error = self._wire.stream(whole)
        headers = {"content-type": kind, "request-id": "req_stub", "transfer-encoding": "chunked"}
        middle = len(parts) // 2
        if shape.broken:
            bad = b"data: {\n\n" if kind != "application/x-ndjson" else b"{\n"
            if shape.broken != "malformed":
                bad = error(shape.broken, f"{shape.broken}: something broke")
            parts = [*parts[:middle], bad]
        if manner in ("cut", "end"):
            parts = parts[:middle]
        if manner in ("drip", "flood"):
            del headers["transfer-encoding"]
        if shape.loop:
            first = (shape.thinking if shape.loop == "thinking" else shape.text)[:8]
            again = next(part for part in parts if first.encode() in part)
            return Reply(200, b"", headers, "loop", tuple(parts[: parts.index(again)]), again)
        return Reply(200, b"", headers, manner, tuple(parts))

    def _take(self) -> str | Shape:
        if self._scripted:
            return self._next.popleft() if self._next else "400"
        return self._next.popleft() if len(self._next) > 1 else self._next[0]

    def _fault(self, fault: Fault) -> Reply:
        body = fault.body if fault.body is not None else as_json(self._wire.error(fault))
        headers = {"content-type": fault.content_type} | fault.headers
        if "location" in headers and self._elsewhere:
            headers["location"] = self._elsewhere
        return _whole(fault.status, body, headers)

    async def _send(self, reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Send the reply in its manner. False when the connection is to be closed."""
        if reply.manner == "drop":
            return False
        head = "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items())
        writer.write(f"HTTP/1.1 {reply.status} Stub\r\n{head}\r\n".encode())
        match reply.manner:
            case "whole" | "unstreamed" | "end":
                writer.write(reply.body + _chunked(reply))
                await writer.drain()
                return True
            case "cut" if reply.parts:
                writer.write(_chunked(reply).removesuffix(LAST_CHUNK))
                await writer.drain()
            case "loop":
                await self._loop(reply, writer)
            case "cut":
                writer.write(reply.body[: len(reply.body) // 2])
                await writer.drain()
            case "drip":
                await self._drip(reply, reader, writer)
            case "flood":
                await self._flood(writer)
        return False

    async def _drip(self, reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A byte at a time, for ever: spaces before the body are valid JSON."""
        gone = asyncio.ensure_future(reader.read(1))
        while not gone.done():
            writer.write(b" ")
            with contextlib.suppress(ConnectionError):
                await writer.drain()
            await asyncio.wait([gone], timeout=DRIP_S)
        with contextlib.suppress(ConnectionError):
            await gone
        self.hung_up.set()

    async def _loop(self, reply: Reply, writer: asyncio.StreamWriter) -> None:
        """The same part until the client leaves; each is one more token on the bill."""
        writer.write(_chunked(reply).removesuffix(LAST_CHUNK))
        with contextlib.suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(_chunk(reply.again))
                self.bill += Tokens(output=1)
                await writer.drain()
                await asyncio.sleep(0)
        self.hung_up.set()

    async def _flood(self, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b" " * 1_000_000)
                await writer.drain()
        self.hung_up.set()


async def _read(reader: asyncio.StreamReader) -> Request | None:
    """The next request of a connection; None when the client is done, or gone in the middle of one."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return Request(method, path, headers, json.loads(body) if body else {})


def _chunked(reply: Reply) -> bytes:
    return b"".join(_chunk(part) for part in reply.parts) + LAST_CHUNK if reply.parts else b""


def _chunk(part: bytes) -> bytes:
    return f"{len(part):x}\r\n".encode() + part + b"\r\n"


def _headers(length: int) -> dict[str, str]:
    return {"content-type": "application/json", "content-length": str(length), "request-id": "req_stub"}


def _whole(status: int, body: bytes, headers: dict[str, str] | None = None) -> Reply:
    return Reply(status, body, _headers(len(body)) | (headers or {}))
