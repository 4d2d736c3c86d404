"""Which addresses a request may go to: what a name leads to is looked up once, judged, and then used."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from app.pipelines.deliveries.adapter import DeliveryFailed

IP = IPv4Address | IPv6Address
NAT64 = IPv6Network("64:ff9b::/96")
PUBLIC = IPv6Network("2000::/3")
"""All of IPv6 that is given to networks; the standard library also takes what is outside for public."""
PROTOCOLS = IPv4Network("192.0.0.0/24")
"""Some clouds have their metadata service there."""

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Addresses of a host, as a look-up gives them. Raises `OSError`."""


async def look_up(host: str, port: int) -> Sequence[str]:
    """As this machine looks names up."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def addresses_of(
    host: str,
    port: int,
    *,
    allow_private: bool,
    own_port: int | None = None,
    resolve: Resolve = look_up,
) -> Sequence[str]:
    """Where the host is. Raises `DeliveryFailed` when one of its addresses may not be reached.

    `own_port`: where the service itself listens, which is refused on every address of this machine.
    """
    try:
        addresses = await resolve(host, port)
    except (OSError, UnicodeError) as error:
        raise DeliveryFailed(f"the host {host} can not be found: {error}", again=True) from error
    for address in addresses:
        if port == own_port and is_ours(address):
            raise DeliveryFailed(f"nothing is sent to {host}:{port}: it is this service itself")
        if why := refused(ip_address(address.partition("%")[0]), allow_private=allow_private):
            raise DeliveryFailed(f"nothing is sent to {host}: {address} is {why}")
    return addresses


def refused(address: IP, *, allow_private: bool) -> str | None:
    """Why nothing is sent there; None: it may be."""
    real = _embedded(address)
    if real.is_multicast or real.is_unspecified or real.is_link_local:
        return "a multicast, unspecified or link-local address"
    if not allow_private and not _is_public(real):
        return "in a private network or on this machine, and the destination does not say allow_private"
    return None


def _is_public(address: IP) -> bool:
    if isinstance(address, IPv4Address):
        return address.is_global and address not in PROTOCOLS
    return address.is_global and address in PUBLIC


def is_ours(address: str) -> bool:
    """Whether it is one of this machine: only those can be bound."""
    real = _embedded(ip_address(address.partition("%")[0]))
    if real.is_loopback or real.is_unspecified:
        return True
    with socket.socket(socket.AF_INET if real.version == 4 else socket.AF_INET6) as tried:
        try:
            tried.bind((str(real), 0))
        except OSError:
            return False
    return True


def is_loopback_name(host: str) -> bool:
    """Whether a URL names this machine itself."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _embedded(address: IP) -> IP:
    """The IPv4 address that an IPv6 address stands for."""
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
