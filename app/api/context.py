"""What every request can reach: the services, the caller, and whether the process is about to stop."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from app.errors import Unavailable
from app.services import Services
from app.settings import Settings
from app.tables import TokenRole
from app.workspace.sandbox.selftest import SelfTest


@dataclass
class Context:
    """One per process; the lifespan fills it."""

    settings: Settings
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set on the first signal to end: streams close, the worker drains."""
    services: Services | None = None
    working: asyncio.Task[None] | None = None
    """The worker of this process."""
    probing: asyncio.Task[SelfTest] | None = None
    """The sandbox's self-test, in the background."""
    failure: str | None = None
    """Why the start failed, in one line for a person."""

    def opened(self) -> Services:
        if self.services is None:
            raise Unavailable("the service is starting or stopping; try again in a moment")
        return self.services


@dataclass(frozen=True)
class Caller:
    """Who asks."""

    id: str
    """The token's id, or `anonymous` when authentication is off."""
    name: str
    role: TokenRole

    @property
    def signature(self) -> str:
        """Who decided something: the name of the token, or `local` when authentication is off."""
        return LOCAL if self.id == ANONYMOUS.id else self.name


LOCAL = "local"
ANONYMOUS = Caller("anonymous", "anonymous", TokenRole.ADMIN)
"""Everybody, when authentication is off."""


def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


def _services(request: Request) -> Services:
    return _context(request).opened()


def _caller(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


ContextOf = Annotated[Context, Depends(_context)]
ServicesOf = Annotated[Services, Depends(_services)]
CallerOf = Annotated[Caller, Depends(_caller)]
