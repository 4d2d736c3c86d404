"""Phases of kind `http` reach the hosts that are listed, at addresses that may be reached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from app.errors import Invalid
from app.pipelines.deliveries.adapter import DeliveryFailed
from app.pipelines.deliveries.addresses import look_up
from app.pipelines.deliveries.places import place
from app.pipelines.phases.http import HttpPhase
from app.pipelines.phases.kind import JSON, Draft, PhaseContext, PhaseResult
from app.pipelines.snapshot import Limits, PhaseSpec, PromptPin, Snapshot
from app.tables import Outcome
from tests.receiver import Receiver, status

OWN_PORT = 1
NO_PROMPT = PromptPin(role="repair", version=None, system="", task="", variables=(), digest="0" * 64)


async def ignore(kind: str, data: JSON) -> None:
    return None


def draft(*inputs: str, **settings: Any) -> Draft:
    return Draft(
        "ask", "http", None, "answer", "HttpResult", None, None, None, inputs=inputs, settings=settings
    )


def context(*inputs: str, **settings: Any) -> PhaseContext:
    spec = PhaseSpec(
        name="ask", kind="http", artifact="answer", output=None, prompt=None, rework=None, template=None,
        profile=None, inputs=inputs, apply=None, on_reject=None, max_rework=0, limits=Limits(),
        settings=settings,
    )  # fmt: skip
    snapshot = Snapshot(definition="d", write_documents=False, phases=(spec,), repair=NO_PROMPT)
    return PhaseContext(
        UUID(int=7), 1, 1, "an epic", snapshot, spec, 0, None, None, {"epic": {"a": 1}}, (), ignore
    )


class Names:
    """Resolves every name to the next of these lists of addresses, and counts."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.asked = 0
        self._answers = answers

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self._answers[min(self.asked, len(self._answers)) - 1]


async def ask(
    url: str, *inputs: str, resolve: Any = look_up, own: int = OWN_PORT, **more: Any
) -> PhaseResult:
    environment = {"API_KEY": "hush"}
    settings = {"url": url, "timeout_s": 10, **more}
    phase = HttpPhase(environment, own, resolve)
    assert phase.check(draft(*inputs, **settings)) == []
    return await phase.run(context(*inputs, **settings))


async def test_the_answer_becomes_the_artifact() -> None:
    async with Receiver() as receiver:
        result = await ask(receiver.url, allow=[f"127.0.0.1:{receiver.port}"])
    assert result.outcome == Outcome.PASSED
    assert (result.artifact["status"], result.artifact["body"]) == (200, "there")
    assert result.artifact["target"] == f"GET http://127.0.0.1:{receiver.port}"


async def test_an_artifact_is_sent_with_the_secrets_that_are_named() -> None:
    async with Receiver() as receiver:
        secret = {"secret_headers": {"Authorization": "API_KEY"}}
        listed = [f"127.0.0.1:{receiver.port}"]
        await ask(receiver.url, "epic", method="POST", allow=listed, **secret)
    (got,) = receiver.got
    assert (got.body, got.headers["authorization"]) == (b'{"a":1}', "hush")
    assert len(got.headers["idempotency-key"]) == 64


@pytest.mark.parametrize("said", ["you sent hush", "you sent hu"])
async def test_a_server_that_repeats_the_secret_does_not_bring_it_into_the_run(said: str) -> None:
    """Neither whole nor where the answer is cut off."""
    async with Receiver(status(403, body=b"you sent hush, Authorization: hush")) as receiver:
        result = await ask(
            receiver.url,
            allow=[f"127.0.0.1:{receiver.port}"],
            secret_headers={"Authorization": "API_KEY"},
            max_bytes=len(said),
        )
    assert "hu" not in str(result.artifact) + str(result.issues)


async def test_a_status_that_is_not_expected_sends_the_work_back() -> None:
    async with Receiver(status(404)) as receiver:
        allow = [f"127.0.0.1:{receiver.port}"]
        refused = await ask(receiver.url, allow=allow)
        expected = await ask(receiver.url, allow=allow, expect=[404])
    assert (refused.outcome, expected.outcome) == (Outcome.REJECTED, Outcome.PASSED)
    assert "answered 404" in refused.issues[0]["text"]


async def test_a_redirect_is_not_followed_and_takes_no_key_elsewhere() -> None:
    async with Receiver() as elsewhere, Receiver(status(302, f"Location: {elsewhere.url}")) as receiver:
        allow = [f"127.0.0.1:{receiver.port}", f"127.0.0.1:{elsewhere.port}"]
        result = await ask(receiver.url, allow=allow, secret_headers={"Authorization": "API_KEY"})
    assert (result.outcome, elsewhere.got) == (Outcome.REJECTED, [])


async def test_no_more_is_read_than_is_kept() -> None:
    async with Receiver(status(200, body=b"x" * 5000)) as receiver:
        result = await ask(receiver.url, allow=[f"127.0.0.1:{receiver.port}"], max_bytes=1000)
    assert (len(result.artifact["body"]), result.artifact["truncated"]) == (1000, True)


async def test_a_server_that_says_nothing_is_not_waited_for() -> None:
    async with Receiver(b"") as receiver:
        with pytest.raises(DeliveryFailed, match=r"did not answer within 0\.2 s"):
            await ask(receiver.url, allow=[f"127.0.0.1:{receiver.port}"], timeout_s=0.2)


EVERY = "0.0.0.0"  # noqa: S104 - it is refused
ADDRESSES = [
    "127.0.0.1", "127.8.9.1", EVERY, "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1",
    "169.254.169.254", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fd00::1", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
    "192.0.0.192", "fec0::1", "64:ff9b:1::7f00:1", "::127.0.0.1",
]  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
async def test_a_public_name_that_leads_inside_is_refused_before_it_is_connected_to(address: str) -> None:
    with pytest.raises(DeliveryFailed, match="nothing is sent to api"):
        await ask("https://api.example.com/", allow=["api.example.com"], resolve=Names([address]))


async def test_one_bad_address_among_good_ones_is_enough() -> None:
    resolve = Names(["93.184.216.34", "127.0.0.1"])
    with pytest.raises(DeliveryFailed, match=r"127\.0\.0\.1 is"):
        await ask("https://api.example.com/", allow=["api.example.com"], resolve=resolve)


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", EVERY, "224.0.0.1"])
async def test_what_is_listed_with_its_port_may_be_private_but_no_metadata_service(address: str) -> None:
    with pytest.raises(DeliveryFailed, match="nothing is sent"):
        await ask(
            "http://metadata.google.internal:80/",
            allow=["metadata.google.internal:80"],
            resolve=Names([address]),
        )


async def test_a_name_is_looked_up_once_so_that_it_can_not_change_after_the_check() -> None:
    async with Receiver() as receiver:
        names = Names(["127.0.0.1"], ["169.254.169.254"])
        url = f"http://rebinding.example:{receiver.port}/x"
        result = await ask(url, allow=[f"rebinding.example:{receiver.port}"], resolve=names)
    assert (result.outcome, names.asked) == (Outcome.PASSED, 1)
    assert receiver.got[0].headers["host"] == f"rebinding.example:{receiver.port}"


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1", EVERY])
async def test_the_service_itself_is_never_asked_even_when_it_is_listed(address: str) -> None:
    url = "http://me.example:8000/pipelines"
    with pytest.raises(DeliveryFailed, match="it is this service itself"):
        await ask(url, allow=["me.example:8000"], resolve=Names([address]), own=8000)


@pytest.mark.parametrize(
    "url",
    [
        "http://2130706433/", "http://0177.0.0.1/", "http://0x7f000001/", "http://0x7f.1/", "http://127.1/",
        "http://127.0.0.01/", "http://[::ffff:127.0.0.1]/", "http://[0:0:0:0:0:0:0:1]/", "http://[fe80::1%25lo]/",
        "file:///etc/passwd", "gopher://example.com/", "ftp://example.com/", "unix:///run/x.sock",
        "//example.com/", "http:example.com", "http:///example.com", "HTTP://example.com/",
        "http://user@example.com/", "http://user:secret@example.com/", "http://example.com\\@evil.example/",
        "http://example.com#@evil.example/", "http://example.com/\x00", "http://exa\nmple.com/",
        "http://ex%61mple.com/", "http://\u0435xample.com/", "http://example.com:99999/",
        "http://example.com./", "http://-a.example/", "http://exam_ple.com/", "http://", "", "example.com",
    ],
)  # fmt: skip
def test_a_url_that_could_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each has words of its own
        place(url)


@pytest.mark.parametrize(
    "url", ["http://other.example/", "http://example.com:8080/", "https://sub.example.com/", "http://127.1/"]
)
def test_a_host_that_is_not_listed_is_refused_when_the_phase_is_saved(url: str) -> None:
    faults = HttpPhase({}, OWN_PORT).check(draft(url=url, allow=["example.com"]))
    assert [field for field, _ in faults] == ["settings"]


@pytest.mark.parametrize(
    "allow", [[], ["*"], ["*.example.com"], ["http://example.com"], ["example.com/x"], [""]]
)
def test_an_empty_list_allows_nothing_and_an_entry_is_one_host(allow: list[str]) -> None:
    faults = HttpPhase({}, OWN_PORT).check(draft(url="https://example.com/", allow=allow))
    assert [field for field, _ in faults] == ["settings"]


@pytest.mark.parametrize(
    "settings",
    [
        {"secret_headers": {"Authorization": "WORKBENCH_DATABASE_URL"}},
        {"secret_headers": {"Authorization": "ANTHROPIC_API_KEY"}},
        {"headers": {"Host": "evil.example"}},
        {"headers": {"X-A": "a\r\nHost: evil"}},
        {"method": "CONNECT"},
        {"follow": True},
    ],
    ids=str,
)
def test_no_key_of_the_service_and_no_header_of_its_own_can_be_set(settings: dict[str, Any]) -> None:
    faults = HttpPhase({}, OWN_PORT).check(
        draft(url="https://example.com/", allow=["example.com"], **settings)
    )
    assert [field for field, _ in faults] == ["settings"]


def test_secrets_go_over_tls_or_to_a_host_that_is_listed_with_its_port() -> None:
    secret = {"secret_headers": {"Authorization": "API_KEY"}, "url": "http://example.com/"}
    phase = HttpPhase({}, OWN_PORT)
    assert "over https://" in phase.check(draft(allow=["example.com"], **secret))[0][1]
    assert phase.check(draft(allow=["example.com:80"], **secret)) == []


async def test_settings_of_a_snapshot_are_checked_again_when_the_phase_runs() -> None:
    with pytest.raises(Invalid, match="not in allow"):
        await HttpPhase({}, OWN_PORT).run(context(url="http://127.0.0.1/", allow=["example.com"]))
