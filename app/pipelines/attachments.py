"""Files that go with a question: which of them fit, and which must not be sent by accident."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from pathlib import PurePath

from app.rendering.filters import tojson
from app.usage.estimate import estimate_tokens

SECRET_NAMES = (
    ".env", ".env.*", "*.env", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.ppk",
    "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", ".netrc", "_netrc", ".pgpass", ".npmrc", ".pypirc",
    ".htpasswd", ".git-credentials", "credentials", "credentials.*", "secrets", "secrets.*", "first-token",
)  # fmt: skip
"""Names that files with keys and passwords usually have, in lower case."""
HARMLESS_NAMES = (".env.example", ".env.sample", ".env.template", "*.pub")
SECRET_FOLDERS = frozenset({".ssh", ".gnupg", ".aws", ".kube"})
_PRIVATE_KEY = re.compile("-----BEGIN [A-Z ]*PRIVATE KEY-----")


@dataclass(frozen=True)
class Attachment:
    """A text that the model reads beside the task."""

    name: str
    text: str

    def as_json(self) -> dict[str, str]:
        return {"name": self.name, "text": self.text}

    @cached_property
    def tokens(self) -> int:
        """As it stands in the prompt, estimated."""
        return estimate_tokens(tojson(self.as_json())) + 1


@dataclass(frozen=True)
class Selection:
    kept: tuple[Attachment, ...]
    """In the order in which they were given."""
    left_out: tuple[Attachment, ...]

    @property
    def tokens(self) -> int:
        return sum(attachment.tokens for attachment in self.kept)


def select(attachments: Sequence[Attachment], task: str, room: int) -> Selection:
    """Those that the task names, then the smallest, as many as fit into `room` tokens."""
    kept: set[int] = set()
    for number in sorted(range(len(attachments)), key=lambda n: _rank(attachments[n], task)):
        if attachments[number].tokens <= room:
            room -= attachments[number].tokens
            kept.add(number)
    return Selection(
        tuple(one for number, one in enumerate(attachments) if number in kept),
        tuple(one for number, one in enumerate(attachments) if number not in kept),
    )


def looks_secret(path: PurePath, text: str) -> bool:
    """Whether the file is named as files with keys are, or holds a private key."""
    names = [part.lower() for part in path.parts]
    if not SECRET_FOLDERS.isdisjoint(names) or _PRIVATE_KEY.search(text):
        return True
    harmless = any(fnmatch(names[-1], pattern) for pattern in HARMLESS_NAMES)
    return not harmless and any(fnmatch(names[-1], pattern) for pattern in SECRET_NAMES)


def _rank(attachment: Attachment, task: str) -> tuple[bool, int]:
    name = PurePath(attachment.name).name
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", task) is None, attachment.tokens
