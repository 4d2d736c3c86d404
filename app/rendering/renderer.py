"""`Renderer`: fills templates, those of rows in a limited process, those we ship at once."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Collection, Mapping
from itertools import islice
from typing import Any

from jinja2 import Template

from app.rendering.child import CPU_S, MEMORY_BYTES, WALL_S
from app.rendering.errors import TemplateError
from app.rendering.filling import compiled, fill
from app.rendering.process import RenderProcess

JSON = Any
MAX_TEMPLATE_BYTES = 256 * 1024
MAX_VARIABLES_BYTES = 32 * 1024 * 1024
SMALL = 64 * 1024
"""Characters and values that are filled without leaving the event loop: about a millisecond."""
_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")


def template_digest(template: str) -> str:
    """SHA-256 of a template, as `trusted` wants it."""
    return hashlib.sha256(template.encode()).hexdigest()


class Renderer:
    """Give `close` a call at the end: a process may be running."""

    def __init__(self, trusted: Collection[str] = ()) -> None:
        self._trusted = frozenset(trusted)
        self._compiled: dict[str, Template] = {}
        self._process = RenderProcess()

    async def render(self, template: str, variables: Mapping[str, JSON], *, name: str = "template") -> str:
        """The filled template. Values are data: what looks like a template in them stays as it is."""
        _check_text(template, name)
        digest = template_digest(template)
        if digest in self._trusted and is_small(variables):
            plain = _plain(variables, name)
            return fill(await self._template(digest, template, name), plain, name)
        return await self._ask(template, variables, None, name)

    async def check(
        self,
        template: str,
        variables_sample: Mapping[str, JSON],
        declared: Collection[str],
        name: str = "template",
    ) -> str:
        """The template filled with the sample. Raises `TemplateError`: syntax, undeclared, undefined."""
        _check_text(template, name)
        return await self._ask(template, variables_sample, sorted(declared), name)

    async def close(self) -> None:
        self._process.close()

    async def _template(self, digest: str, template: str, name: str) -> Template:
        if digest not in self._compiled:
            self._compiled[digest] = await asyncio.to_thread(compiled, template, name)
        return self._compiled[digest]

    async def _ask(
        self, template: str, variables: Mapping[str, JSON], declared: list[str] | None, name: str
    ) -> str:
        request = await asyncio.to_thread(_request, template, variables, declared, name)
        reply = await self._process.ask(request)
        if reply is None:
            limits = (
                f"{CPU_S} s of processor time, {WALL_S} s in all or {MEMORY_BYTES // 1024**2} MiB of memory"
            )
            raise TemplateError(name, f"was stopped: it took more than {limits}")
        status, _, body = reply.partition(b"\n")
        if status == b"ok":
            return body.decode()
        raise TemplateError(**json.loads(body))


def _check_text(template: str, name: str) -> None:
    if len(template) > MAX_TEMPLATE_BYTES or len(template.encode(errors="replace")) > MAX_TEMPLATE_BYTES:
        raise TemplateError(name, f"is larger than {MAX_TEMPLATE_BYTES // 1024} KiB")
    if found := _NOT_TEXT.search(template):
        line = template.count("\n", 0, found.start()) + 1
        raise TemplateError(name, "holds a character that is not text (NUL or half a pair)", line)


def _request(
    template: str, variables: Mapping[str, JSON], declared: list[str] | None, name: str
) -> bytearray:
    rest = json.dumps({"name": name, "template": template, "declared": declared}).encode()
    request = bytearray(rest[:-1] + b', "variables": ')
    _encode(variables, request, name)
    request += b"}"
    return request


def _encode(variables: Mapping[str, JSON], into: bytearray, name: str) -> None:
    """Checked and encoded piece by piece: in a thread, this leaves the event loop its turns."""
    most = len(into) + MAX_VARIABLES_BYTES
    try:
        for piece in json.JSONEncoder(ensure_ascii=False, allow_nan=False).iterencode(dict(variables)):
            into += piece.encode()
            if len(into) > most:
                break
    except (TypeError, ValueError, RecursionError) as error:
        raise TemplateError(name, f"takes plain JSON values only: {error}") from None
    if len(into) > most:
        raise TemplateError(name, f"the values are larger than {MAX_VARIABLES_BYTES // 1024**2} MiB")


def _plain(variables: Mapping[str, JSON], name: str) -> dict[str, JSON]:
    """A copy that is nothing but JSON: no object of ours reaches a template."""
    encoded = bytearray()
    _encode(variables, encoded, name)
    plain: dict[str, JSON] = json.loads(encoded)
    return plain


def is_small(value: JSON) -> bool:
    """Stops counting at the limit, so a huge value costs no more than a small one."""
    left = SMALL
    waiting = [value]
    while waiting:
        item = waiting.pop()
        left -= 1
        if isinstance(item, str):
            left -= len(item)
        elif isinstance(item, Mapping):
            left -= sum(len(key) for key in islice(item, left) if isinstance(key, str))
            waiting += islice(item.values(), left) if left > 0 else ()
        elif isinstance(item, (list, tuple)):
            waiting += islice(item, left)
        if left <= 0:
            return False
    return True
