"""The address of a remote that the branches of runs are pushed to, as people write it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from app.errors import Invalid
from app.workspace.files import escaped

_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\]")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_SHORT_SSH = re.compile(r"(?:(?P<user>[^@:/\s]+)@)?(?P<host>[^@:/\s]+):(?P<path>[^@:\s-][^@:\s]*)")
"""`git@host:path`, as the pages of hosters show it."""
ALLOWED = "use https://host/path, ssh://git@host/path or git@host:path; http only for this machine"


class RemoteNotAllowed(Invalid):
    """Nothing is pushed to an address of this kind."""

    code = "remote_not_allowed"


@dataclass(frozen=True)
class Remote:
    """A remote without any secret. Get it from `read_remote`."""

    url: str
    scheme: Literal["https", "http", "ssh"]
    host: str
    """With its port, when it is not the usual one: what git names when it asks for a password."""


def read_remote(url: str) -> Remote:
    """Raises `RemoteNotAllowed`: for another protocol, and for a password, which would end up in a log."""
    if not url.isascii() or not url.isprintable() or any(c in url for c in " \\\"'`$"):
        raise _refused("…", "it has characters that no address needs")
    if "://" not in url:
        return _short(url)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _refused(url.partition("://")[0] + "://…", "its host or its port can not be read") from None
    shown = f"{parts.scheme}://{parts.hostname or ''}…"
    if parts.password is not None:
        raise _refused(shown, "it holds a password: set WORKBENCH_GIT_TOKEN instead")
    if parts.query or parts.fragment or not parts.path.strip("/"):
        raise _refused(shown, "it needs a path, and nothing after it")
    host = parts.netloc.rpartition("@")[2].rpartition(":")[0] if port else parts.netloc.rpartition("@")[2]
    if not _HOST.fullmatch(host):
        raise _refused(shown, "its host is no name")
    where = f"{host}:{port}" if port else host
    match parts.scheme:
        case "ssh" if parts.username is None or _USER.fullmatch(parts.username):
            return Remote(url, "ssh", where)
        case "https" if parts.username is None:
            return Remote(url, "https", where)
        case "http" if parts.username is None and is_loopback(parts.hostname or ""):
            return Remote(url, "http", where)
        case "https" | "http" if parts.username is not None:
            raise _refused(shown, "it names a user: set WORKBENCH_GIT_USERNAME instead")
        case _:
            raise _refused(shown, "pushing there is not allowed")


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine hears what is said to the host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _short(url: str) -> Remote:
    found = _SHORT_SSH.fullmatch(url)
    if found is None or "::" in url or not _HOST.fullmatch(found["host"]):
        raise _refused(url.rpartition("@")[2], "it is no address of a remote")
    if found["user"] is not None and not _USER.fullmatch(found["user"]):
        raise _refused(found["host"], "its user is no name")
    return Remote(url, "ssh", found["host"])


def _refused(shown: str, why: str) -> RemoteNotAllowed:
    return RemoteNotAllowed(f"'{escaped(shown)}' can not be pushed to: {why}; {ALLOWED}", place="push_to")
