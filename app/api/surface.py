"""Puts the routes, the errors, the gate and the OpenAPI document on the application."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from app.api import (
    artifacts,
    backends,
    batches,
    budgets,
    cache,
    changes,
    comparison,
    definitions,
    destinations,
    docs,
    events,
    files,
    gates,
    health,
    improvements,
    limits,
    models,
    pipelines,
    problems,
    projects,
    prompts,
    routes,
    schedules,
    scoreboard,
    steps,
    tokens,
    usage,
    waits,
)
from app.api.context import Context
from app.api.gate import Gate

ROUTERS = (
    health.router,
    docs.router,
    pipelines.router,
    comparison.router,
    steps.router,
    artifacts.router,
    files.router,
    changes.router,
    events.router,
    waits.router,
    usage.router,
    budgets.router,
    batches.router,
    improvements.router,
    scoreboard.router,
    prompts.router,
    definitions.router,
    projects.router,
    schedules.router,
    destinations.router,
    gates.router,
    models.router,
    routes.router,
    backends.router,
    limits.router,
    cache.router,
    tokens.router,
)


def mount(app: FastAPI, context: Context) -> None:
    app.state.context = context
    for router in ROUTERS:
        # not include_router: the gate asks each route itself what it needs, so they stand in one flat list
        app.router.routes.extend(router.routes)
    problems.install(app)
    app.add_middleware(Gate, context=context, routes=app.router.routes)

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = docs.describe(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the documented way to replace it
