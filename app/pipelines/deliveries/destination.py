"""A destination as an admin writes it: an adapter, what it needs, and whether it is a dry run."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from app.errors import Invalid
from app.pipelines.deliveries.addresses import is_loopback_name

OURS = frozenset(
    {"host", "content-length", "content-type", "idempotency-key", "transfer-encoding", "connection"}
)
"""Headers that the adapter sets."""
KEPT_BACK = re.compile(r"^(WORKBENCH_.*|ANTHROPIC_API_KEY)$")
"""Variables that hold the service's own keys."""


def _header(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}", name):
        raise ValueError("it is no name of a header")
    if name.lower() in OURS:
        raise ValueError("the service sets this header")
    return name


def _variable(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,99}", name):
        raise ValueError("it is no name of an environment variable")
    if KEPT_BACK.match(name):
        raise ValueError("the keys of the service itself are not sent anywhere")
    return name


def _url(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"it is no URL: {error}") from None
    if not host or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("it is no URL")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a password in a URL would be shown; use secret_headers")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback_name(host)):
        raise ValueError("it begins with https://, or with http:// for this machine only")
    return url


def _absolute(argv: tuple[str, ...]) -> tuple[str, ...]:
    if not argv[0].startswith("/"):
        raise ValueError("the program is named by its absolute path")
    return argv


HeaderName = Annotated[str, AfterValidator(_header)]
HeaderValue = Annotated[str, Field(pattern=r"^[\x20-\x7e]{0,2000}$")]
VariableName = Annotated[str, AfterValidator(_variable)]
Argument = Annotated[str, Field(pattern=r"^[^\x00]*$", max_length=4096)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HttpConfig(Strict):
    """A request with the payload as its JSON body."""

    url: Annotated[str, Field(max_length=2000), AfterValidator(_url)]
    method: Literal["POST", "PUT", "PATCH"] = "POST"
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict, max_length=50)
    secret_headers: dict[HeaderName, VariableName] = Field(default_factory=dict, max_length=20)
    """Header → name of the worker's environment variable that holds its value."""
    timeout_s: float = Field(30.0, gt=0, le=300)
    """For everything from the look-up of the name to the end of the answer."""
    allow_private: bool = False
    """The host may be on this machine or in a private network."""


class CommandConfig(Strict):
    """A program that gets the payload on its standard input."""

    argv: Annotated[tuple[Argument, ...], Field(min_length=1, max_length=100), AfterValidator(_absolute)]
    """The program by its absolute path, and its arguments; no shell reads them."""
    variables: Annotated[tuple[VariableName, ...], Field(max_length=20)] = ()
    """Environment variables of the worker that the program gets; it gets no others."""
    timeout_s: float = Field(60.0, gt=0, le=3600)


class HttpDestination(Strict):
    name: Name
    adapter: Literal["http"]
    config: HttpConfig
    dry_run: bool = True
    """What would be sent is written down and nothing leaves."""


class CommandDestination(Strict):
    name: Name
    adapter: Literal["command"]
    config: CommandConfig
    dry_run: bool = True
    """What would be sent is written down and nothing leaves."""


DestinationDraft = Annotated[HttpDestination | CommandDestination, Field(discriminator="adapter")]
_READER: TypeAdapter[HttpDestination | CommandDestination] = TypeAdapter(DestinationDraft)


def read(body: dict[str, Any]) -> HttpDestination | CommandDestination:
    """A draft from what a person gave, or from a row. Raises `Invalid` with the place of the first fault."""
    try:
        return _READER.validate_python(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"] if part not in ("http", "command", "[key]"))
        raise Invalid(
            f"destination: {place or 'adapter'}: {first['msg']}", place=place or "adapter"
        ) from None
