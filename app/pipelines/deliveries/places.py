"""Which URLs a phase may ask: those that can be read in one way only, of hosts that are listed."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
NUMBER = re.compile(r"\d+|0x[0-9a-f]*")
PORTS = {"http": 80, "https": 443}
LENGTH = 2000


@dataclass(frozen=True)
class Place:
    """The part of a URL that says where it leads."""

    scheme: str
    host: str
    port: int

    @property
    def is_usual(self) -> bool:
        return self.port == PORTS[self.scheme]


def place(url: str) -> Place:
    """Raises `ValueError` for all but http(s) with a plain host: what two readers could read in two ways."""
    if len(url) > LENGTH or not url.isascii() or not url.isprintable() or any(sign in url for sign in " \\#"):
        raise ValueError("it is no plain URL: no spaces, backslashes, fragments, or letters beyond ASCII")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ValueError(f"it is no URL: {error}") from None
    if parts.scheme not in PORTS or not url.startswith(f"{parts.scheme}://"):
        raise ValueError("it begins with https:// or http://")
    if "@" in parts.netloc:
        raise ValueError("a user or password in a URL would be shown; use secret_headers")
    _check_host(host, parts.netloc)
    return Place(parts.scheme, host, PORTS[parts.scheme] if port is None else port)


def entry(text: str) -> tuple[str, int | None]:
    """Host and port of an entry of the list. Raises `ValueError`."""
    found = place(f"https://{text}/")
    if not urlsplit(f"https://{text}/").netloc == text:
        raise ValueError("an entry is a host, or host:port")
    return found.host, found.port if _has_port(text) else None


def is_listed(where: Place, allowed: Collection[tuple[str, int | None]]) -> bool:
    """A host alone is listed at the usual port of the scheme; nothing is listed by an empty list."""
    return (where.host, where.port) in allowed or (where.is_usual and (where.host, None) in allowed)


def may_be_private(where: Place, allowed: Collection[tuple[str, int | None]]) -> bool:
    """Only who is listed with its port may be on this machine or in a private network."""
    return (where.host, where.port) in allowed


def _has_port(text: str) -> bool:
    return re.search(r":\d+\Z", text) is not None and not text.endswith("]")


def _check_host(host: str, netloc: str) -> None:
    if netloc.startswith("["):
        address = IPv6Address(host)
        if "%" in host or str(address) != host or address.ipv4_mapped:
            raise ValueError(
                "an IPv6 address is written in its shortest form, without a zone or an IPv4 in it"
            )
        return
    if not HOST.fullmatch(host):
        raise ValueError("the host is no name: lower-case letters, digits, dots; other letters as xn--")
    if NUMBER.fullmatch(host.rpartition(".")[2]) and not _is_plain_ipv4(host):
        raise ValueError("an address is written as four decimal numbers")


def _is_plain_ipv4(host: str) -> bool:
    try:
        return str(ip_address(host)) == host
    except ValueError:
        return False
