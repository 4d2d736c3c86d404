"""The adapter `http`: what it sends, where it does not go, and what it makes of the answer."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.pipelines.deliveries.adapter import Answer, DeliveryFailed, Message
from app.pipelines.deliveries.addresses import addresses_of, refused
from app.pipelines.deliveries.destination import HttpConfig
from app.pipelines.deliveries.http import HttpAdapter
from tests.receiver import OK, Receiver, status

MESSAGE = Message(b'{"a":1}', "k" * 64, UUID(int=7), "epic")
SECRETS = {"HOOK_TOKEN": "hush"}


async def send(url: str, tls: ssl.SSLContext | None = None, **config: Any) -> Answer:
    values = {"allow_private": True, "timeout_s": 10} | config
    return await HttpAdapter(HttpConfig(url=url, **values), SECRETS, tls).send(MESSAGE)


async def test_the_artifact_is_posted_as_json_with_the_key() -> None:
    async with Receiver() as receiver:
        assert await send(receiver.url) == Answer(200, "there")
    (got,) = receiver.got
    assert got.line == "POST /hook HTTP/1.1"
    assert got.body == b'{"a":1}'
    assert got.headers["content-type"] == "application/json"
    assert got.headers["idempotency-key"] == "k" * 64
    assert (got.headers["workbench-run"], got.headers["workbench-artifact"]) == (str(UUID(int=7)), "epic")
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"


async def test_headers_are_added_and_secret_ones_come_from_the_environment() -> None:
    async with Receiver() as receiver:
        await send(
            receiver.url,
            method="PUT",
            headers={"X-Kind": "epic"},
            secret_headers={"Authorization": "HOOK_TOKEN"},
        )
    (got,) = receiver.got
    assert got.line.startswith("PUT")
    assert (got.headers["x-kind"], got.headers["authorization"]) == ("epic", "hush")


async def test_a_secret_that_is_not_set_is_named_and_nothing_is_sent() -> None:
    async with Receiver() as receiver:
        with pytest.raises(DeliveryFailed, match="has no OTHER_TOKEN"):
            await send(receiver.url, secret_headers={"Authorization": "OTHER_TOKEN"})
    assert receiver.got == []


async def test_a_secret_that_would_break_the_headers_is_refused_without_showing_it() -> None:
    adapter = HttpAdapter(
        HttpConfig(url="https://example.org", secret_headers={"X-A": "A"}), {"A": "hush\r\nHost: x"}
    )
    with pytest.raises(DeliveryFailed) as refusal:
        await adapter.send(MESSAGE)
    assert "hush" not in str(refusal.value)


@pytest.mark.abuse(48)
async def test_a_redirect_is_not_followed() -> None:
    async with Receiver() as elsewhere, Receiver(status(302, f"Location: {elsewhere.url}")) as receiver:
        with pytest.raises(DeliveryFailed, match="answered 302; redirects are not followed") as refusal:
            await send(receiver.url)
    assert (elsewhere.got, refusal.value.again) == ([], False)


@pytest.mark.parametrize(
    ("code", "again"), [(400, False), (404, False), (429, True), (500, True), (503, True)]
)
async def test_an_answer_that_is_no_success_fails_and_says_whether_to_try_again(
    code: int, again: bool
) -> None:
    async with Receiver(status(code, body=b"why not")) as receiver:
        with pytest.raises(DeliveryFailed, match=f"answered {code}") as failed:
            await send(receiver.url)
    assert (failed.value.again, failed.value.answer) == (again, Answer(code, "why not"))


async def test_of_a_long_answer_the_beginning_is_kept_and_the_rest_is_not_waited_for() -> None:
    flood = b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n" + b"x" * 200_000
    async with Receiver(flood) as receiver:
        assert await send(receiver.url) == Answer(200, "x" * 65_536)


async def test_a_receiver_that_says_nothing_is_given_up_at_the_deadline() -> None:
    async with Receiver(b"") as receiver:
        with pytest.raises(DeliveryFailed, match=r"did not answer within 0\.2 s") as failed:
            await send(receiver.url, timeout_s=0.2)
    assert failed.value.again


async def test_a_server_that_is_down_or_talks_nonsense_can_not_be_reached() -> None:
    async with Receiver(b"SSH-2.0\r\n\r\n") as receiver:
        with pytest.raises(DeliveryFailed, match="can not be reached"):
            await send(receiver.url)
    with pytest.raises(DeliveryFailed, match="can not be reached") as failed:
        await send(receiver.url)
    assert failed.value.again


@pytest.mark.abuse(46, 51)
async def test_a_private_address_is_refused_unless_the_destination_allows_it() -> None:
    async with Receiver() as receiver:
        with pytest.raises(DeliveryFailed, match="allow_private"):
            await send(receiver.url, allow_private=False)
        with pytest.raises(DeliveryFailed, match="allow_private"):
            await send(f"https://localhost:{receiver.port}", allow_private=False)
    assert receiver.got == []


@pytest.mark.abuse(46)
@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "::"),
        *("::1", "fc00::1", "fe80::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1"),
        *("2002:7f00:1::", "224.0.0.1", "255.255.255.255"),
    ],
)
def test_an_address_inside_is_refused_however_it_is_written(address: str) -> None:
    assert refused(ip_address(address), allow_private=False)


@pytest.mark.abuse(46)
@pytest.mark.parametrize(
    "address", ["169.254.169.254", "fe80::1", "224.0.0.1", "::ffff:169.254.169.254", "::"]
)
def test_some_addresses_are_never_allowed(address: str) -> None:
    assert refused(ip_address(address), allow_private=True)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700:4700::1111", "64:ff9b::101:101"])
def test_an_address_of_the_internet_is_allowed(address: str) -> None:
    assert refused(ip_address(address), allow_private=False) is None


async def test_a_name_that_nobody_knows_can_not_be_found() -> None:
    with pytest.raises(DeliveryFailed, match="can not be found"):
        await addresses_of("a" * 70 + ".invalid", 443, allow_private=False)


@pytest.mark.abuse(47)
async def test_the_certificate_is_judged_by_the_name_not_by_the_address(tmp_path: Path) -> None:
    served, trusted = certificate(tmp_path, "localhost")
    async with Receiver(OK, tls=served) as receiver:
        assert (await send(f"https://localhost:{receiver.port}/x", trusted)).status == 200
        with pytest.raises(DeliveryFailed, match=r"(?i)certificate"):
            await send(f"https://127.0.0.1:{receiver.port}/x", trusted)
        with pytest.raises(DeliveryFailed, match=r"(?i)certificate"):
            await send(f"https://localhost:{receiver.port}/x")
    assert [got.headers["host"] for got in receiver.got] == [f"localhost:{receiver.port}"]


async def test_a_cancelled_request_is_hung_up() -> None:
    async with Receiver(b"") as receiver:
        sending = asyncio.create_task(send(receiver.url))
        await asyncio.wait_for(receiver.asked.wait(), 30)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending


def test_the_target_shows_no_path_since_that_may_be_the_secret() -> None:
    adapter = HttpAdapter(HttpConfig(url="https://hooks.example.org:8443/T0/secret?key=1"), {})
    assert adapter.target == "POST https://hooks.example.org:8443"


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a fresh certificate for the name, and a client's that trusts it."""
    if "WORKBENCH_IN_SANDBOX" in os.environ:
        pytest.skip("a sandbox has no configuration of openssl")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", str(key), "-out", str(cert), "-days", "2", "-subj", f"/CN={name}"),
            *("-addext", f"subjectAltName=DNS:{name}"),
        ],
        check=True,
        capture_output=True,
    )
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(cert, key)
    return served, ssl.create_default_context(cafile=str(cert))
