"""A key or a token in an answer is refused, unless the file held it before."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.workspace.files import SourceFile, UnsafePath
from app.workspace.repository import head_commit, open_repository
from app.workspace.secrets import FORMS, secrets_in
from app.workspace.workspace import check_answer
from tests.db.repositories import make_repository

LETTERS = "aB3" * 20
UPPER = "A1B2" * 4
SECRETS = {
    "a private key": "-----BEGIN OPENSSH " + "PRIVATE KEY-----",
    "an access key of AWS": "AKIA" + UPPER,
    "a token of GitHub": "ghp_" + LETTERS[:36],
    "a token of GitLab": "glpat-" + LETTERS[:20],
    "a token of Slack": "xoxb-" + LETTERS[:12],
    "a key of Anthropic": "sk-ant-" + LETTERS[:24],
    "a key of OpenAI": "sk-proj-" + LETTERS[:40],
    "a live key of Stripe": "sk_live_" + LETTERS[:24],
    "a key of Google": "AIza" + LETTERS[:35],
    "a token of Workbench": "workbench_" + LETTERS[:49],
}
"""Put together here, so that none stands in this file."""


@pytest.mark.abuse(41)
@pytest.mark.parametrize("what", FORMS)
async def test_a_secret_is_refused_and_not_repeated(what: str, tmp_path: Path) -> None:
    person = make_repository(tmp_path / "shop", {"a.py": "X = 1\n"})
    repo = await open_repository(person.path)
    files = [SourceFile("b.py", f"KEY = '{SECRETS[what]}'\n")]
    with pytest.raises(UnsafePath, match=what) as refused:
        await check_answer(repo, await head_commit(repo), person.path, files)
    assert refused.value.reason == "secret"
    assert SECRETS[what] not in refused.value.message


async def test_what_the_file_held_before_stays_and_another_is_refused(tmp_path: Path) -> None:
    held, other = SECRETS["a token of GitLab"], SECRETS["a token of Slack"]
    person = make_repository(tmp_path / "shop", {"a.py": f"KEY = '{held}'\n"})
    repo = await open_repository(person.path)
    base = await head_commit(repo)
    await check_answer(repo, base, person.path, [SourceFile("a.py", f"# new\nKEY = '{held}'\n")])
    with pytest.raises(UnsafePath):
        await check_answer(repo, base, person.path, [SourceFile("a.py", f"KEYS = '{held}', '{other}'\n")])


@pytest.mark.parametrize(
    "text", ["AKIAIOSFODNN7EXAMPLE", "sk-short", "task-" + "x" * 40, "PUBLIC KEY", "ghp_", "workbench_run_id"]
)
def test_what_only_resembles_one_is_none(text: str) -> None:
    assert secrets_in(f"value = {text}\n") == {}


def test_a_long_text_takes_no_long_time_to_look_through() -> None:
    """Each form goes through the text once, whatever it begins like."""
    starts = {"sk-": "-", "xoxb": "a", "-----BEGIN ": "A ", "ghp": "a", "AKIA": "A", "workbench_": " "}
    text = "".join(f"{start}{more * 200_000}\n" for start, more in starts.items())
    assert secrets_in(text) == {}
