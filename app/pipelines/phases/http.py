"""Phases of kind `http`: one request to a host that the definition lists, and what it is answered."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from app import __version__
from app.artifacts.registry import artifact_name
from app.digests import canonical, digest
from app.errors import Invalid
from app.pipelines.deliveries.adapter import DeliveryFailed
from app.pipelines.deliveries.addresses import Resolve
from app.pipelines.deliveries.addresses import look_up as by_name
from app.pipelines.deliveries.destination import HeaderName, HeaderValue, VariableName
from app.pipelines.deliveries.http import NETWORK_ERRORS, Request, Response, exchange
from app.pipelines.deliveries.places import Place, entry, is_listed, may_be_private, place
from app.pipelines.deliveries.secrets import forms, look_up
from app.pipelines.phases.kind import Draft, PhaseContext, PhaseResult
from app.pipelines.phases.place import lacking
from app.tables import Outcome
from app.workspace import declared

EXCERPT = 1_500


def _url(url: str) -> str:
    place(url)
    return url


def _entry(text: str) -> str:
    entry(text)
    return text


class HttpSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    url: Annotated[str, AfterValidator(_url)]
    allow: Annotated[tuple[Annotated[str, AfterValidator(_entry)], ...], Field(min_length=1, max_length=50)]
    """Hosts that may be asked. One with its port (`localhost:8080`) may be on this machine or in a private
    network; one without has to be public."""
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict, max_length=50)
    secret_headers: dict[HeaderName, VariableName] = Field(default_factory=dict, max_length=20)
    """Header → name of the worker's environment variable that holds its value."""
    expect: tuple[Annotated[int, Field(ge=100, le=599)], ...] = ()
    """Statuses that are well; none: 200 to 299."""
    timeout_s: float = Field(30.0, gt=0, le=300)
    """For everything from the look-up of the name to the end of the answer."""
    max_bytes: int = Field(64 * 1024, ge=0, le=1024 * 1024)
    """So much of the answer is read and kept."""

    @model_validator(mode="after")
    def _listed(self) -> HttpSettings:
        if not is_listed(self.where, self.hosts):
            raise ValueError(f"the host of the URL is not in allow: {', '.join(self.allow)}")
        if self.secret_headers and self.where.scheme == "http" and not may_be_private(self.where, self.hosts):
            raise ValueError(
                "secret_headers are sent over https://, or to a host that is listed with its port"
            )
        return self

    @property
    def where(self) -> Place:
        return place(self.url)

    @property
    def hosts(self) -> frozenset[tuple[str, int | None]]:
        return frozenset(entry(one) for one in self.allow)

    def expects(self, status: int) -> bool:
        return status in self.expect if self.expect else 200 <= status < 300


class HttpPhase:
    """Asks once. A status that is not expected sends the work back; no answer at all fails the run."""

    def __init__(
        self,
        environment: Mapping[str, str],
        own_port: int,
        resolve: Resolve = by_name,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._environment = environment
        self._own_port = own_port
        self._resolve = resolve
        self._tls = tls

    async def run(self, context: PhaseContext) -> PhaseResult:
        """Raises `DeliveryFailed` when the host may not be asked, or does not answer."""
        settings = declared.read(HttpSettings, context.spec.settings)
        where = settings.where
        target = f"{settings.method} {where.scheme}://{where.host}:{where.port}"
        secrets = self._secrets(settings)
        request = Request(
            settings.method,
            settings.url,
            _headers(context, settings, secrets),
            _body(context),
            allow_private=may_be_private(where, settings.hosts),
            own_port=self._own_port,
            resolve=self._resolve,
            tls=self._tls,
            max_bytes=settings.max_bytes,
            secrets=forms(secrets.values()),
        )
        started = time.monotonic()
        try:
            async with asyncio.timeout(settings.timeout_s):
                answer = await exchange(request)
        except TimeoutError:
            raise DeliveryFailed(f"{target} did not answer within {settings.timeout_s:g} s") from None
        except NETWORK_ERRORS as error:
            raise DeliveryFailed(f"{target} can not be reached: {error or type(error).__name__}") from error
        return _result(context.spec.name, target, settings, answer, time.monotonic() - started)

    def check(self, draft: Draft) -> list[tuple[str, str]]:
        faults = lacking(draft, "HttpResult")
        if len(draft.inputs) > 1:
            faults.append(("inputs", "a phase of kind http sends at most one artifact"))
        try:
            settings = declared.read(HttpSettings, draft.settings)
        except Invalid as error:
            return [*faults, ("settings", error.message)]
        if draft.inputs and settings.method in ("GET", "HEAD"):
            faults.append(("inputs", f"a {settings.method} has no body to send an artifact in"))
        return faults

    def _secrets(self, settings: HttpSettings) -> dict[str, str]:
        """Name of the variable → its value."""
        values = look_up(settings.secret_headers.values(), self._environment)
        if not all(value.isascii() and value.isprintable() for value in values.values()):
            raise DeliveryFailed("the value of a secret header has characters that no header may have")
        return values


def _headers(context: PhaseContext, settings: HttpSettings, secrets: Mapping[str, str]) -> dict[str, str]:
    where = settings.where
    name = f"[{where.host}]" if ":" in where.host else where.host
    return {
        "User-Agent": f"workbench/{__version__}",
        "Accept-Encoding": "identity",  # what is small here stays small
        **settings.headers,
        **{header: secrets[variable] for header, variable in settings.secret_headers.items()},
        "Host": name if where.is_usual else f"{name}:{where.port}",
        "Idempotency-Key": digest([str(context.pipeline_id), context.spec.name, context.round]),
        "Workbench-Run": str(context.pipeline_id),
        **({"Content-Type": "application/json"} if context.spec.inputs else {}),
    }


def _body(context: PhaseContext) -> bytes:
    if not context.spec.inputs:
        return b""
    name = artifact_name(context.spec.inputs[0])
    if name not in context.artifacts:
        raise Invalid(f"there is no artifact {name!r} to send", place=context.spec.name)
    return canonical(context.artifacts[name])


def _result(
    phase: str, target: str, settings: HttpSettings, answer: Response, duration_s: float
) -> PhaseResult:
    passed = settings.expects(answer.status)
    hint = "; redirects are not followed" if 300 <= answer.status < 400 else ""
    said = f"{target} answered {answer.status}{hint}\n{answer.text[:EXCERPT]}".strip()
    return PhaseResult(
        Outcome.PASSED if passed else Outcome.REJECTED,
        artifact={
            "outcome": "passed" if passed else "failed",
            "target": target,
            "status": answer.status,
            "media_type": answer.media_type,
            "body": answer.text,
            "truncated": answer.truncated,
            "duration_s": round(duration_s, 3),
        },
        issues=() if passed else ({"source": phase, "text": said},),
    )
