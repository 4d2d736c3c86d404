"""Reads the files that go with a question, before anything is sent."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from app.errors import Invalid, TooLarge
from app.pipelines.attachments import Attachment, looks_secret

STDIN = "-"
MOST_BYTES = 32 * 1024 * 1024
"""No model reads a larger file."""


def read_attachments(files: Iterable[str], secrets: Iterable[str]) -> tuple[Attachment, ...]:
    """Each once, in the order given; `secrets` are those that may look like files with keys.

    Raises `Invalid`, which names the file, for one that is no text, can not be read, or looks secret.
    """
    permitted = frozenset(secrets)
    return tuple(_read(name, permitted=name in permitted) for name in dict.fromkeys([*files, *permitted]))


def read_task(given: str, secrets: Iterable[str]) -> str:
    """The task itself: a text, `@FILE`, or `-` for stdin; a file is looked at as those beside it are."""
    if given != STDIN and not given.startswith("@"):
        return given
    name = given.removeprefix("@")
    return _read(name, permitted=name in frozenset(secrets)).text


def _read(name: str, *, permitted: bool) -> Attachment:
    label = "stdin" if name == STDIN else name
    content = _stdin() if name == STDIN else _file(Path(name))
    if len(content) > MOST_BYTES:
        raise TooLarge(f"{label} has more than {MOST_BYTES // 1024**2} MB; nothing was sent", place=label)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise Invalid(f"{label} is no UTF-8 text; nothing was sent", place=label)
    path = Path(name)
    if not permitted and (looks_secret(path, text) or looks_secret(path.resolve(), text)):
        raise Invalid(
            f"{label} looks like a file with keys or passwords, which a model server would get and may keep; "
            "nothing was sent",
            place=label,
            hint=f"if it has to be sent, say so: --include-secret {name}",
        )
    return Attachment(label, text)


def _file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Invalid(
            f"{path} can not be read: {error.strerror or error}; nothing was sent", place=str(path)
        ) from error


def _stdin() -> bytes:
    buffer = getattr(sys.stdin, "buffer", None)
    return (
        sys.stdin.read().encode("utf-8", "surrogateescape") if buffer is None else buffer.read(MOST_BYTES + 1)
    )
