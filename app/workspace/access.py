"""How git proves to a remote who it is: a token for one host, or a key for ssh; no word of it is shown."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from app.workspace.remote import Remote

ASKPASS = Path(__file__).parent / "askpass"
"""Git starts it to ask for a name and a password; it answers from its environment."""

_SSH_OPTIONS = (
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "UpdateHostKeys=no",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    "ControlMaster=no",
    "ControlPath=none",
    "ConnectTimeout=20",
)
"""Nobody is asked, no unknown host is believed, and nothing outlives the push."""


@dataclass(frozen=True)
class GitAccess:
    """What the service may use for all remotes. Without any of it ssh has the account's own keys."""

    username: str = "git"
    token: str | None = field(default=None, repr=False)
    token_host: str | None = None
    """The only host that gets the token, with its port when that is not the usual one."""
    ssh_key: Path | None = None
    known_hosts: Path | None = None
    """None: those of the account."""
    ssh_agent: Path | None = None
    timeout_s: float = 120.0
    """Of each git command that talks to a remote."""

    def environment(self, remote: Remote) -> Mapping[str, str]:
        """What git gets beside its usual environment: one protocol, and what that needs."""
        allowed = {"GIT_ALLOW_PROTOCOL": remote.scheme}
        if remote.scheme == "ssh":
            agent = {"SSH_AUTH_SOCK": str(self.ssh_agent)} if self.ssh_agent else {}
            return {**allowed, **agent, "GIT_SSH_COMMAND": self._ssh(), "GIT_SSH_VARIANT": "ssh"}
        if not self.has_token_for(remote):
            return allowed
        return {
            **allowed,
            "GIT_ASKPASS": str(ASKPASS),
            "ASKPASS_HOST": f"{remote.scheme}://{remote.host}",
            "ASKPASS_USERNAME": self.username,
            "ASKPASS_TOKEN": self.token or "",
        }

    def has_token_for(self, remote: Remote) -> bool:
        """A project that is pointed at another host does not take the token along."""
        return bool(self.token) and remote.scheme != "ssh" and remote.host == self.token_host

    def secrets(self) -> tuple[str, ...]:
        """What must not be shown, in each form that a server could send it back in."""
        if not self.token:
            return ()
        basic = base64.b64encode(f"{self.username}:{self.token}".encode()).decode()
        alone = base64.b64encode(self.token.encode()).decode()
        return tuple(dict.fromkeys([basic, alone, quote(self.token, safe=""), self.token]))

    def _ssh(self) -> str:
        options = list(_SSH_OPTIONS)
        if self.ssh_key is not None:
            options += [f"IdentityFile={_ssh_value(self.ssh_key)}", "IdentitiesOnly=yes"]
        if self.known_hosts is not None:
            options.append(f"UserKnownHostsFile={_ssh_value(self.known_hosts)}")
        return shlex.join(["ssh", *(part for option in options for part in ("-o", option))])


def _ssh_value(path: Path) -> str:
    """As ssh reads the value of an option: quoted, and with no `%` that stands for something."""
    return '"' + str(path).replace("%", "%%") + '"'
