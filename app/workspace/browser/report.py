"""What the driver reports. It ran beside the page, so nothing of it is believed before it is checked."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.errors import Invalid
from app.workspace.browser.inside.picture import SIGNATURE
from app.workspace.sandbox.output import printable

Kind = Literal["exception", "console", "request", "load", "blank"]
Text = Annotated[str, Field(max_length=600)]
MAX_PICTURE = 8 * 1024 * 1024


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Fault(_Strict):
    kind: Kind
    text: Text
    path: Text
    line: Annotated[int, Field(ge=1, le=10_000_000)] | None


class _Page(_Strict):
    page: str
    faults: Annotated[list[_Fault], Field(alias="findings", max_length=50)]
    characters: Annotated[int, Field(ge=0, le=100_000_000)]
    picture: Annotated[str, Field(max_length=MAX_PICTURE)] | None


class _Report(_Strict):
    pages: list[_Page]


@dataclass(frozen=True)
class Fault:
    """One thing that went wrong in a page."""

    kind: Kind
    text: str
    path: str
    """File that it came from."""
    line: int | None


@dataclass(frozen=True)
class PageLook:
    """What was seen of one page."""

    page: str
    faults: tuple[Fault, ...]
    characters: int
    """Of visible text."""
    picture: bytes | None
    """PNG; None: none could be taken, or there was no room for it."""


def read(raw: bytes, pages: Sequence[str]) -> tuple[PageLook, ...]:
    """Raises `Invalid` for anything but a report of exactly these pages."""
    try:
        report = _Report.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Invalid(f"the report of the browser is not readable: {first['msg']}") from None
    if [page.page for page in report.pages] != list(pages):
        raise Invalid("the report of the browser is about other pages")
    return tuple(_look(page) for page in report.pages)


def _look(page: _Page) -> PageLook:
    faults = tuple(Fault(one.kind, printable(one.text), printable(one.path), one.line) for one in page.faults)
    return PageLook(page.page, faults, page.characters, _png(page.picture))


def _png(picture: str | None) -> bytes | None:
    if picture is None:
        return None
    try:
        data = base64.b64decode(picture, validate=True)
    except ValueError:
        data = b""
    if not data.startswith(SIGNATURE):
        raise Invalid("the report of the browser has a picture that is no PNG")
    return data
