"""The page /docs and its assets, all from this server; and what the OpenAPI document adds to the routes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fastapi_offline
from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.security import HTTPBearer
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import BaseRoute

from app.api.access import OPEN, needed_role
from app.api.problems import MEDIA_TYPE, Problem

FILES = Path(fastapi_offline.__file__).parent / "static"
"""The package is here for these files alone; its own pages name other servers."""
ASSETS = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon.png": "image/png",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Workbench API</title>
<link rel="icon" href="/docs/favicon.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
START = """window.ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIBundle.SwaggerUIStandalonePreset],
  layout: "BaseLayout",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
});
"""

router = APIRouter(include_in_schema=False)
bearer = HTTPBearer(auto_error=False, description="A token: `workbench_` and 49 characters more.")
"""Only tells the OpenAPI document about tokens; `gate.py` checks them."""


@router.get("/docs")
async def page() -> Response:
    return HTMLResponse(PAGE, headers={"content-security-policy": POLICY})


@router.get("/docs/start.js")
async def start() -> Response:
    return Response(START, media_type="text/javascript")


@router.get("/docs/swagger-ui-bundle.js")
async def bundle() -> Response:
    return _asset("swagger-ui-bundle.js")


@router.get("/docs/swagger-ui.css")
async def style() -> Response:
    return _asset("swagger-ui.css")


@router.get("/docs/favicon.png")
async def icon() -> Response:
    return _asset("favicon.png")


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document: every route with its role, and problem documents instead of bare errors."""
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    parts = document["components"]["schemas"]
    parts["Problem"] = Problem.model_json_schema()
    for name in ("HTTPValidationError", "ValidationError"):
        parts.pop(name, None)
    for route in app.routes:
        for operation in _operations(document, route):
            _complete(operation, route)
    return document


def _operations(document: dict[str, Any], route: BaseRoute) -> list[dict[str, Any]]:
    path = document["paths"].get(getattr(route, "path", ""), {})
    methods = getattr(route, "methods", None) or ()
    return [path[method.lower()] for method in methods if method.lower() in path]


def _complete(operation: dict[str, Any], route: BaseRoute) -> None:
    operation["responses"].pop("422", None)
    operation["responses"]["default"] = {
        "description": "A problem: what is wrong, why, and what to do",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    role = needed_role(getattr(route, "endpoint", None))
    if role is not None:
        operation["description"] = f"{operation.get('description', '')}\n\nRole: `{role}`".strip()
    if getattr(route, "path", "") in OPEN:
        operation.pop("security", None)


def _asset(name: str) -> FileResponse:
    return FileResponse(FILES / name, media_type=ASSETS[name], headers={"cache-control": "max-age=86400"})
