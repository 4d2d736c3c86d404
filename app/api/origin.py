"""Where a request came from: the names this server answers to, and pages that are not ours."""

from __future__ import annotations

import ipaddress

from starlette.datastructures import Headers
from starlette.types import Scope

from app.api.problems import Answered
from app.errors import Forbidden, Invalid
from app.settings import Settings

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def check_bind(settings: Settings) -> None:
    """Raises `Invalid` when the API would stand open to others without authentication."""
    if settings.auth == "off" and not is_loopback(settings.host):
        raise Invalid(
            f"WORKBENCH_AUTH=off is accepted on loopback only, and WORKBENCH_HOST is {settings.host!r}: "
            "set WORKBENCH_AUTH=on, or WORKBENCH_HOST=127.0.0.1",
            place="WORKBENCH_AUTH",
        )


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def check_server(settings: Settings, scope: Scope) -> None:
    """The socket decides, not the setting: uvicorn may have been told another address.

    Raises `Forbidden` for a request from elsewhere while authentication is off.
    """
    client = scope.get("client")
    if settings.auth == "off" and client and not is_loopback(client[0]):
        raise Forbidden("authentication is off, so only this machine may call")


def check_host(settings: Settings, scope: Scope, headers: Headers) -> None:
    """A name that was rebound to this address by somebody else is refused."""
    given = headers.getlist("host")
    if len(given) != 1 or given[0].lower() not in _names(settings, scope):
        shown = ", ".join(given)[:200] or "none"
        raise Answered(
            421,
            "wrong_host",
            f"this server does not answer to the host {shown!r}; WORKBENCH_ALLOWED_HOSTS can add it",
        )


def check_origin(scope: Scope, headers: Headers) -> None:
    """Pages of other sites may not change anything. A client that is no browser sends neither header."""
    if scope["method"] in SAFE_METHODS:
        return
    site = headers.get("sec-fetch-site")
    origin = headers.get("origin")
    if site is not None:
        allowed = site in ("same-origin", "none")
    else:
        allowed = origin is None or origin.partition("://")[2] == headers.get("host")
    if not allowed:
        raise Forbidden("a page of another site may not call this API", origin=origin)


def _names(settings: Settings, scope: Scope) -> set[str]:
    server = scope.get("server")
    port = server[1] if server and server[1] else settings.port
    known = {*LOOPBACK, f"[{settings.host}]" if ":" in settings.host else settings.host}
    names = {f"{name}:{port}" for name in known} | (known if port == 80 else set())
    more = {name.strip() for name in settings.allowed_hosts.split(",")} - {""}
    return {name.lower() for name in names | more}
