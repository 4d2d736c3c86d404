"""What a destination must pass before it is stored."""

from __future__ import annotations

from typing import Any

import pytest

from app.errors import Invalid
from app.pipelines.deliveries.destination import read

HOOK: dict[str, Any] = {"name": "hook", "adapter": "http", "config": {"url": "https://example.org/x"}}
MAIL: dict[str, Any] = {"name": "mail", "adapter": "command", "config": {"argv": ["/usr/bin/mail", "me"]}}


def test_a_destination_is_a_dry_run_unless_it_says_otherwise() -> None:
    assert read(HOOK).dry_run
    assert read(MAIL).dry_run
    assert not read({**HOOK, "dry_run": False}).dry_run


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]:80/", "https://a.b"]
)
def test_https_and_plain_http_to_this_machine_are_urls(url: str) -> None:
    assert read({**HOOK, "config": {"url": url}}).name == "hook"


OTHER_SCHEMES = (
    "http://example.org",
    "ftp://example.org",
    "file:///etc/passwd",
    "gopher://a",
    "unix:/a",
    "example.org",
)
ODD_HOSTS = (
    *("", "https://", "https://me:secret@example.org", "https://exa mple.org", "https://example.org:99999"),
    *("https://é.org", "http://127.0.0.1.example.org", "http://2130706433.example", "https://[::1"),
    "https://a\r\nb",
)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(url, marks=pytest.mark.abuse(case))
        for case, urls in ((49, OTHER_SCHEMES), (50, ODD_HOSTS))
        for url in urls
    ],
)
def test_any_other_url_is_refused(url: str) -> None:
    with pytest.raises(Invalid, match=r"config\.url"):
        read({**HOOK, "config": {"url": url}})


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"adapter": "smtp"}, "adapter"),
        ({"name": "A B"}, "name"),
        ({"config": {}}, "config.url"),
        ({"config": {"url": "https://a.b", "retries": 3}}, "config.retries"),
        ({"config": {"url": "https://a.b", "method": "DELETE"}}, "config.method"),
        ({"config": {"url": "https://a.b", "timeout_s": 0}}, "config.timeout_s"),
        ({"config": {"url": "https://a.b", "headers": {"Host": "x"}}}, "config.headers.Host"),
        ({"config": {"url": "https://a.b", "headers": {"X A": "x"}}}, "config.headers.X A"),
        ({"config": {"url": "https://a.b", "headers": {"X": "a\r\nb"}}}, "config.headers.X"),
    ],
)
def test_a_fault_is_refused_with_its_place(change: dict[str, Any], place: str) -> None:
    with pytest.raises(Invalid) as refused:
        read(HOOK | change)
    assert refused.value.details["place"] == place


@pytest.mark.abuse(52)
@pytest.mark.parametrize("variable", ["a b", "", "ANTHROPIC_API_KEY", "WORKBENCH_DATABASE_URL"])
def test_the_keys_of_the_service_itself_are_not_sent_anywhere(variable: str) -> None:
    with pytest.raises(Invalid, match=r"config\.secret_headers\.X: .*(no name|not sent)"):
        read({**HOOK, "config": {"url": "https://a.b", "secret_headers": {"X": variable}}})


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ({"argv": []}, "config.argv"),
        ({"argv": ["mail"]}, "config.argv"),
        ({"argv": ["/bin/x", "a\x00b"]}, "config.argv.1"),
        ({"argv": ["/bin/x"], "variables": ["WORKBENCH_OPENAI_API_KEY"]}, "config.variables.0"),
    ],
)
def test_a_command_is_an_absolute_path_with_arguments(config: dict[str, Any], place: str) -> None:
    with pytest.raises(Invalid) as refused:
        read({**MAIL, "config": config})
    assert refused.value.details["place"] == place
