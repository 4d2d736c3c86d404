"""Who may call what: a role on every route, and nothing without one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from starlette.datastructures import Headers
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from app import tokens
from app.api.context import ANONYMOUS, Caller, Context
from app.errors import Forbidden, Unauthorized
from app.tables import TokenRole

OPEN = frozenset(
    {
        "/livez",
        "/readyz",
        "/health",
        "/openapi.json",
        "/docs",
        "/docs/start.js",
        "/docs/favicon.png",
        "/docs/swagger-ui.css",
        "/docs/swagger-ui-bundle.js",
    }
)
"""The only paths that need no token."""
ROLES = tuple(TokenRole)
"""Each role may do what the ones before it may."""

REFUSED = "the token is not valid: it is unknown, has expired or was revoked"

Endpoint = TypeVar("Endpoint", bound=Callable[..., object])


def needs(role: TokenRole) -> Callable[[Endpoint], Endpoint]:
    """Says which role a route asks for. A route that says nothing is refused to everybody."""

    def declare(endpoint: Endpoint) -> Endpoint:
        endpoint.__dict__["needed_role"] = role
        return endpoint

    return declare


def needed_role(endpoint: object) -> TokenRole | None:
    role: TokenRole | None = getattr(endpoint, "needed_role", None)
    return role


class RefusedToken(Unauthorized):
    """It has the form of a token and is none: perhaps a guess."""


async def authenticate(context: Context, headers: Headers) -> Caller:
    """Raises `Unauthorized`, with the same words for an unknown, a revoked and an expired token."""
    if context.settings.auth == "off":
        return ANONYMOUS
    scheme, _, text = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthorized("a token is needed: send the header Authorization: Bearer <token>")
    if not tokens.is_well_formed(text.strip()):
        raise Unauthorized(REFUSED)
    async with context.opened().database.transaction() as session:
        row = await tokens.find(session, text.strip())
    if row is None:
        raise RefusedToken(REFUSED)
    return Caller(str(row.id), row.name, TokenRole(row.role))


def authorize(routes: Iterable[BaseRoute], scope: Scope, caller: Caller) -> None:
    """Raises `Forbidden` when the route that will answer asks for more, or declares nothing."""
    for route in routes:
        match, found = route.matches(dict(scope))
        if match is not Match.FULL:
            continue
        role = needed_role(found.get("endpoint"))
        if role is None:
            raise Forbidden(f"{scope['path']} declares no role, so nobody may call it")
        if ROLES.index(caller.role) < ROLES.index(role):
            raise Forbidden(
                f"this needs a token with the role {role}; {caller.name!r} is {caller.role}", role=role
            )
        return
