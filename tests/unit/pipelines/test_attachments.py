"""Which files go with a question, and which look like files with keys."""

from __future__ import annotations

from pathlib import PurePath

import pytest

from app.pipelines.asking import unfenced
from app.pipelines.attachments import Attachment, looks_secret, select

SMALL, MIDDLE, LARGE = (
    Attachment(name, "x" * size)
    for name, size in (("small.py", 70), ("src/middle.py", 700), ("large.py", 7000))
)
GIVEN = (LARGE, MIDDLE, SMALL)


def names(attachments: tuple[Attachment, ...]) -> list[str]:
    return [attachment.name for attachment in attachments]


def test_the_smallest_go_first_and_stay_in_the_order_they_were_given() -> None:
    selection = select(GIVEN, "explain this", SMALL.tokens + MIDDLE.tokens)
    assert names(selection.kept) == ["src/middle.py", "small.py"]
    assert names(selection.left_out) == ["large.py"]


def test_a_file_that_the_task_names_goes_before_smaller_ones() -> None:
    assert names(select(GIVEN, "what does large.py do?", LARGE.tokens).kept) == ["large.py"]
    assert names(select(GIVEN, "fix middle.py", MIDDLE.tokens).kept) == ["src/middle.py"]


def test_a_name_within_another_word_is_not_named() -> None:
    assert names(select(GIVEN, "what does xlarge.pyc do?", LARGE.tokens).kept) == [
        "src/middle.py",
        "small.py",
    ]


def test_one_that_does_not_fit_keeps_no_other_out() -> None:
    assert names(select(GIVEN, "what does large.py do?", SMALL.tokens).kept) == ["small.py"]


def test_with_no_room_everything_is_left_out() -> None:
    assert select(GIVEN, "", 0).kept == ()


@pytest.mark.parametrize(
    "path",
    [".env", ".env.production", "prod.env", "tls/server.PEM", "server.key", "id_rsa", "id_ed25519_work",
     ".netrc", ".ssh/config", "/home/a/.aws/config", "credentials.json", ".npmrc", "secrets.yaml"],
)  # fmt: skip
def test_a_file_with_keys_is_known_by_its_name(path: str) -> None:
    assert looks_secret(PurePath(path), "")


@pytest.mark.parametrize(
    "path", ["app.py", ".env.example", "keys.py", "environment.md", "id_rsa.pub", "token.py"]
)
def test_other_files_are_not_taken_for_one(path: str) -> None:
    assert not looks_secret(PurePath(path), "key = 1")


def test_a_private_key_is_known_whatever_its_file_is_called() -> None:
    begin = "-----BEGIN {}PRIVATE KEY-----"
    assert all(
        looks_secret(PurePath("a.txt"), f"x\n{begin.format(kind)}") for kind in ("", "RSA ", "OPENSSH ")
    )


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("x = 1\n", "x = 1\n"),
        ("```python\nx = 1\n```", "x = 1"),
        ("\n~~~\nx = 1\n\ny = 2\n~~~\n", "x = 1\n\ny = 2"),
        ("text\n```\nx\n```", "text\n```\nx\n```"),
    ],
)
def test_a_fence_around_all_of_the_code_is_taken_off(given: str, code: str) -> None:
    assert unfenced(given) == code
