"""Secrets that an answer must not carry into a repository: keys and tokens that are known by their form."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from app.errors import NotFound
from app.workspace.files import SourceFile, UnsafePath
from app.workspace.repository import Repository, read_file

FORMS = {
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "an access key of AWS": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b(?<!EXAMPLE)",
    "a token of GitHub": r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{22})",
    "a token of GitLab": r"\bglpat-[A-Za-z0-9_-]{20}",
    "a token of Slack": r"\bxox[abprs]-[A-Za-z0-9-]{10}",
    "a key of Anthropic": r"\bsk-ant-[A-Za-z0-9_-]{20}",
    "a key of OpenAI": r"\bsk-(?:proj-)?[A-Za-z0-9]{32}",
    "a live key of Stripe": r"\b[rs]k_live_[A-Za-z0-9]{16}",
    "a key of Google": r"\bAIza[A-Za-z0-9_-]{35}",
    "a token of Workbench": r"\bworkbench_[A-Za-z0-9_-]{49}",
}
"""Each begins as its service says that they begin; what has no such mark is not found."""
_ANY = {what: re.compile(form) for what, form in FORMS.items()}


def secrets_in(text: str) -> dict[str, str]:
    """What is found → what it is."""
    return {found[0]: what for what, form in _ANY.items() for found in form.finditer(text)}


async def check_secrets(repo: Repository, base_commit: str, files: Sequence[SourceFile]) -> None:
    """Raises `UnsafePath` for a secret that its file does not hold in the base commit; it is not repeated."""
    for file in files:
        if not (found := await asyncio.to_thread(secrets_in, file.content)):
            continue
        known = secrets_in(await _before(repo, base_commit, file.path))
        if new := [what for secret, what in found.items() if secret not in known]:
            why = f"it holds what looks like {new[0]}; read it from the environment or write it otherwise"
            raise UnsafePath(file.path, "secret", why)


async def _before(repo: Repository, commit: str, path: str) -> str:
    try:
        return (await read_file(repo, commit, path)).decode("utf-8", "replace")
    except NotFound:
        return ""
