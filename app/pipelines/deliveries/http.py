"""The adapter `http`: one request, to an address that was looked up and judged first."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import httpx

from app import __version__
from app.digests import writable
from app.failpoints import failpoint
from app.pipelines.deliveries import addresses
from app.pipelines.deliveries.adapter import Answer, DeliveryFailed, Message
from app.pipelines.deliveries.addresses import Resolve
from app.pipelines.deliveries.destination import HttpConfig
from app.pipelines.deliveries.secrets import forms, look_up, without

MAX_ANSWER_BYTES = 64 * 1024
CONNECT_S = 5.0
"""For each address of the host, within the time for everything."""
BUSY = frozenset({408, 425, 429})
NETWORK_ERRORS = (httpx.HTTPError, ssl.SSLError, OSError)
"""What `exchange` raises where nobody answers, or not as HTTP wants it."""


@dataclass(frozen=True)
class Request:
    """What is asked of whom."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""
    allow_private: bool = False
    """The host may be on this machine or in a private network."""
    own_port: int | None = None
    """Where the service itself listens, which is never asked."""
    resolve: Resolve = addresses.look_up
    tls: ssl.SSLContext | None = None
    max_bytes: int = MAX_ANSWER_BYTES
    secrets: Sequence[str] = ()
    """Forms of what the headers hold that a server may repeat, and nobody is shown."""


@dataclass(frozen=True)
class Response:
    """The beginning of what was answered."""

    status: int
    media_type: str
    text: str
    truncated: bool


async def exchange(request: Request) -> Response:
    """The first address that can be connected to gets the request; the name is looked up once.

    Follows no redirect and uses no proxy. Raises `DeliveryFailed`, and what httpx raises; has no deadline.
    """
    url = httpx.URL(request.url)
    host = url.raw_host.decode("ascii")
    port = url.port or (443 if url.scheme == "https" else 80)
    found = await addresses.addresses_of(
        host,
        port,
        allow_private=request.allow_private,
        own_port=request.own_port,
        resolve=request.resolve,
    )
    tls = await asyncio.to_thread(_tls) if request.tls is None else request.tls
    limits = httpx.Timeout(None, connect=CONNECT_S)
    async with httpx.AsyncClient(verify=tls, trust_env=False, timeout=limits) as client:
        for place, address in enumerate(found, 1):
            sent = client.build_request(
                request.method,
                url.copy_with(host=address),
                headers=request.headers,
                content=request.body,
                extensions={"sni_hostname": host},  # the certificate is judged by the name, not the address
            )
            try:
                answer = await client.send(sent, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if place == len(found):
                    raise
            else:
                with failpoint("delivery.receive"):
                    return await _beginning(answer, request.max_bytes, request.secrets)
    raise DeliveryFailed(f"the host {host} has no address", again=True)


class HttpAdapter:
    """Follows no redirect, uses no proxy, and reads no more of the answer than it keeps."""

    def __init__(
        self, config: HttpConfig, environment: Mapping[str, str], tls: ssl.SSLContext | None = None
    ) -> None:
        self._config = config
        self._url = httpx.URL(config.url)
        self._environment = environment
        self._tls = tls

    @property
    def target(self) -> str:
        """The path of a webhook is often its secret."""
        return f"{self._config.method} {self._url.scheme}://{self._url.netloc.decode('ascii')}"

    async def send(self, message: Message) -> Answer:
        values = look_up(self._config.secret_headers.values(), self._environment)
        headers = self._headers(message, values)
        if not all(value.isascii() and value.isprintable() for value in values.values()):
            raise DeliveryFailed("the value of a secret header has characters that no header may have")
        try:
            async with asyncio.timeout(self._config.timeout_s):
                with failpoint("delivery.send"):
                    status, text = await self._request(headers, message.body, forms(values.values()))
        except TimeoutError:
            limit = f"{self._config.timeout_s:g} s"
            raise DeliveryFailed(f"{self.target} did not answer within {limit}", again=True) from None
        except NETWORK_ERRORS as error:
            what = str(error) or type(error).__name__
            raise DeliveryFailed(f"{self.target} can not be reached: {what}", again=True) from error
        answer = Answer(status, text)
        if not 200 <= status < 300:
            hint = "; redirects are not followed" if 300 <= status < 400 else ""
            again = status in BUSY or status >= 500
            raise DeliveryFailed(f"{self.target} answered {status}{hint}", again=again, answer=answer)
        return answer

    async def _request(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str]
    ) -> tuple[int, str]:
        request = Request(
            self._config.method,
            self._config.url,
            headers,
            body,
            self._config.allow_private,
            tls=self._tls,
            secrets=secrets,
        )
        response = await exchange(request)
        return response.status, response.text

    def _headers(self, message: Message, values: Mapping[str, str]) -> dict[str, str]:
        return {
            "User-Agent": f"workbench/{__version__}",
            "Accept-Encoding": "identity",  # what is small here stays small
            **self._config.headers,
            **{header: values[name] for header, name in self._config.secret_headers.items()},
            "Host": self._url.netloc.decode("ascii"),
            "Content-Type": "application/json",
            "Idempotency-Key": message.idempotency_key,
            "Workbench-Run": str(message.pipeline_id),
            "Workbench-Artifact": message.artifact,
        }


async def _beginning(response: httpx.Response, limit: int, secrets: Sequence[str]) -> Response:
    """The rest is not even waited for."""
    found = bytearray()
    try:
        async for part in response.aiter_raw():
            found += part[: limit + 1 - len(found)]
            if len(found) > limit:
                break
    finally:
        await response.aclose()
    cut = len(found) > limit
    media_type = without(response.headers.get("content-type", ""), secrets, cut=False)
    text = without(found[:limit].decode("utf-8", "replace"), secrets, cut=cut)
    return Response(
        response.status_code, media_type.partition(";")[0].strip()[:100], writable(text), truncated=cut
    )


@cache
def _tls() -> ssl.SSLContext:
    """Reading the certificates takes a while, so it is done once, and not on the event loop."""
    return httpx.create_ssl_context(trust_env=False)
