"""The model servers: set up, up, and what they offer. None is needed to start, so all are warnings."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping

from app.cli.backends import SILENT, hint_for, list_models, url_of
from app.cli.checks.finding import Finding, ok, warn
from app.errors import WorkbenchError
from app.llm.backends import create_backends
from app.llm.types import Backend, BackendName
from app.settings import Settings

SHOWN_MODELS = 5


async def check(settings: Settings) -> AsyncIterator[Finding]:
    if settings.llm_disabled:
        yield warn("model calls", "switched off by WORKBENCH_LLM_DISABLED", "unset it to allow them")
        return
    backends = create_backends(settings)
    try:
        for name in backends:
            yield await _ask(settings, backends, name)
    finally:
        for backend in backends.values():
            await backend.close()


async def _ask(settings: Settings, backends: Mapping[BackendName, Backend], name: str) -> Finding:
    started = time.monotonic()
    try:
        models = await list_models(backends, name)
    except WorkbenchError as error:
        message = f"no answer at {url_of(name, settings)}" if error.code in SILENT else error.message
        return warn(f"backend {name}", message, hint_for(error, name, settings), code=error.code)
    except Exception as error:  # one broken backend must not hide what else there is to say
        what = f"{type(error).__name__}: {error}"[:300]
        return warn(
            f"backend {name}", what, f"see whether {url_of(name, settings)} is the right kind of server"
        )
    took = (time.monotonic() - started) * 1000
    shown = ", ".join(sorted(models)[:SHOWN_MODELS]) or "no models"
    more = f" and {len(models) - SHOWN_MODELS} more" if len(models) > SHOWN_MODELS else ""
    return ok(
        f"backend {name}", f"{took:.0f} ms: {shown}{more}", latency_ms=round(took), models=sorted(models)
    )
