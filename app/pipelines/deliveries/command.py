"""The adapter `command`: a program that gets the payload on its standard input."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from io import RawIOBase
from typing import BinaryIO

from app.digests import writable
from app.failpoints import failpoint
from app.pipelines.deliveries.adapter import Answer, DeliveryFailed, Message
from app.pipelines.deliveries.destination import CommandConfig
from app.pipelines.deliveries.secrets import look_up

MAX_OUTPUT_BYTES = 64 * 1024
LAST_WORDS_S = 1.0
"""For output that a process outside of the group may still hold open."""


class CommandAdapter:
    """No shell, an environment of its own; its whole process group is dead when it ends, however it ends."""

    def __init__(self, config: CommandConfig, environment: Mapping[str, str]) -> None:
        self._config = config
        self._environment = environment

    @property
    def target(self) -> str:
        return self._config.argv[0]

    async def send(self, message: Message) -> Answer:
        environment = self._variables(message)
        with tempfile.TemporaryFile() as payload:
            payload.write(message.body)
            payload.seek(0)
            with failpoint("delivery.send"):
                code, output = await self._run(payload, environment)
        answer = Answer(code, output)
        if code != 0:
            raise DeliveryFailed(f"{self.target} ended with exit code {code}", answer=answer)
        return answer

    async def _run(self, payload: BinaryIO, environment: Mapping[str, str]) -> tuple[int, str]:
        reading, writing = os.pipe()
        source, output = os.fdopen(reading, "rb", buffering=0), bytearray()
        drained = asyncio.create_task(_drain(source, output))
        try:
            try:
                async with asyncio.timeout(self._config.timeout_s):
                    async with self._started(payload, writing, environment) as process:
                        code = await process.wait()
            finally:
                os.close(writing)
            await asyncio.wait({drained}, timeout=LAST_WORDS_S)
        except TimeoutError:
            raise DeliveryFailed(f"{self.target} did not end within {self._config.timeout_s:g} s") from None
        except OSError as error:
            raise DeliveryFailed(f"{self.target} can not be started: {error.strerror}") from error
        finally:
            drained.cancel()
            await asyncio.gather(drained, return_exceptions=True)
            source.close()
        return code, writable(output.decode("utf-8", "replace"))

    @asynccontextmanager
    async def _started(
        self, payload: BinaryIO, output: int, environment: Mapping[str, str]
    ) -> AsyncIterator[asyncio.subprocess.Process]:
        process = await asyncio.create_subprocess_exec(
            *self._config.argv,
            stdin=payload,
            stdout=output,
            stderr=output,
            env=dict(environment),
            cwd="/",
            start_new_session=True,
        )
        try:
            yield process
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)  # also what it left behind
            await asyncio.shield(process.wait())

    def _variables(self, message: Message) -> dict[str, str]:
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            **look_up(self._config.variables, self._environment),
            "WORKBENCH_IDEMPOTENCY_KEY": message.idempotency_key,
            "WORKBENCH_RUN": str(message.pipeline_id),
            "WORKBENCH_ARTIFACT": message.artifact,
        }


async def _drain(source: RawIOBase, into: bytearray) -> None:
    """Keep the beginning and read the rest too: a writer that is not read would hang instead of ending."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), source)
    try:
        while part := await reader.read(1 << 16):
            into += part[: MAX_OUTPUT_BYTES - len(into)]
    finally:
        transport.close()
