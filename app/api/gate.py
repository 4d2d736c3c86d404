"""The gate every request passes, in this order: host, origin, token, role, body, key. Then the routes."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api import body, idempotency, upload
from app.api.access import OPEN, RefusedToken, authenticate, authorize
from app.api.context import ANONYMOUS, Caller, Context
from app.api.guesses import Guesses
from app.api.origin import SAFE_METHODS, check_host, check_origin, check_server
from app.api.problems import answer

SECURITY = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
"""Set on every response that does not say otherwise."""
KEPT_HEADERS = ("content-type", "location")


class Gate:
    """Wraps the routes; what it or they raise leaves as a problem document."""

    def __init__(self, app: ASGIApp, context: Context, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        self._context = context
        self._routes = routes
        self._guesses = Guesses()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "http":
                await self._http(scope, receive, send)
            case "lifespan":
                await self._app(scope, receive, self._in_plain_words(send))
            case _:  # there are no websockets
                await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = secrets.token_hex(8)
        started = False

        async def dressed(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY.items():
                    headers.setdefault(name, value)
                headers["x-request-id"] = request_id
            await send(message)

        try:
            await self._pass(scope, receive, dressed)
        except Exception as error:
            response = answer(error, request_id)
            if started:
                raise
            await response(scope, receive, dressed)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        check_server(self._context.settings, scope)
        check_host(self._context.settings, scope, headers)
        check_origin(scope, headers)
        body.check_target(scope)
        caller = ANONYMOUS
        if scope["path"] not in OPEN:
            caller = await self._authenticate(scope, headers)
            authorize(self._routes, scope, caller)
        scope.setdefault("state", {})["caller"] = caller
        if scope["method"] in SAFE_METHODS:
            await self._app(scope, receive, send)
            return
        if upload.is_file(scope, headers):
            found = await upload.receive_file(receive, headers)
            with found.file:
                scope["state"]["upload"] = found
                await self._do(scope, body.replay(b"", receive), send, caller, found.claim)
            return
        content = await body.read(receive, headers)
        await body.check(content, headers)
        await self._do(scope, body.replay(content, receive), send, caller, content)

    async def _authenticate(self, scope: Scope, headers: Headers) -> Caller:
        try:
            return await authenticate(self._context, headers)
        except RefusedToken:
            address, _ = scope.get("client") or ("unknown", 0)
            self._guesses.count(address)
            raise

    async def _do(self, scope: Scope, receive: Receive, send: Send, caller: Caller, content: bytes) -> None:
        """Once under the key of the request, if it has one. `content` is the body, or stands for it."""
        key = Headers(scope=scope).get("idempotency-key")
        if scope["method"] == "POST" and key is not None:
            query = scope["query_string"].decode("latin-1")
            claim = idempotency.claim_of(caller.id, key, scope["method"], scope["path"], query, content)
            await self._once(claim, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _once(self, claim: idempotency.Claim, scope: Scope, receive: Receive, send: Send) -> None:
        """Do it under the key. The answer is stored before it is sent; an error gives the key back."""
        async with self._context.opened().database.transaction() as session:
            stored = await idempotency.take(session, claim)
        if stored is not None:
            await stored(scope, receive, send)
            return
        messages: list[Message] = []

        async def hold(message: Message) -> None:
            messages.append(message)

        try:
            await self._app(scope, receive, hold)
        except Exception:  # not a cancellation: what the end of the process cuts off may have been done
            await self._remember(claim, [])
            raise
        await self._remember(claim, messages)
        for message in messages:
            await send(message)

    async def _remember(self, claim: idempotency.Claim, messages: Sequence[Message]) -> None:
        """Keep a good answer; anything else gives the key back."""
        async with self._context.opened().database.transaction() as session:
            if messages and messages[0]["status"] < 300:
                found = Headers(raw=messages[0]["headers"])
                kept = {name: found[name] for name in KEPT_HEADERS if name in found}
                content = b"".join(message.get("body", b"") for message in messages[1:])
                await idempotency.keep(session, claim, messages[0]["status"], kept, content.decode())
            else:
                await idempotency.release(session, claim)

    def _in_plain_words(self, send: Send) -> Send:
        """A start that failed for a known reason says the reason, not where in the code."""

        async def say(message: Message) -> None:
            if message["type"] == "lifespan.startup.failed" and self._context.failure:
                message = {**message, "message": self._context.failure}
            await send(message)

        return say
