"""Phases of kind `browser`: the pages of the run are loaded, and have to be well."""

from __future__ import annotations

from pathlib import Path

from app.db import Database
from app.pipelines import files
from app.pipelines.leases import Lease
from app.pipelines.phases.kind import JSON, Draft, PhaseContext, PhaseResult
from app.pipelines.phases.place import lacking, place_of
from app.tables import Outcome
from app.workspace import declared
from app.workspace.browser.check import Looked, look
from app.workspace.browser.settings import BrowserSettings
from app.workspace.gates.browser import finding, picture
from app.workspace.sandbox.sandbox import Sandbox


class BrowserPhase:
    """A page that goes wrong sends the work back, with what went wrong in it."""

    def __init__(self, sandbox: Sandbox, state_dir: Path, database: Database) -> None:
        self._sandbox = sandbox
        self._state_dir = state_dir
        self._database = database

    async def run(self, context: PhaseContext) -> PhaseResult:
        """Raises `BrowserMissing`, `SandboxUnavailable`: without a browser nothing passes."""
        settings = declared.read(BrowserSettings, context.spec.settings)
        place = await place_of(context, self._state_dir)
        looked = await look(self._sandbox, place.limits, place.root, place.changed, settings)
        taken = [one for page in looked.pages if (one := picture(page)) is not None]
        kept = await files.keep(self._database, Lease(context.pipeline_id, context.fence), taken)
        issues = [
            {"source": "browser", "text": finding(page, fault).as_text()}
            for page in looked.pages
            for fault in page.faults
        ]
        return PhaseResult(
            Outcome.PASSED if looked.passed else Outcome.REJECTED,
            artifact=_report(looked, kept),
            issues=() if looked.passed else tuple(issues or [{"source": "browser", "text": looked.reason}]),
        )

    def check(self, draft: Draft) -> list[tuple[str, str]]:
        return [*lacking(draft, "BrowserReport"), *declared.faults(BrowserSettings, draft.settings)]


def _report(looked: Looked, kept: frozenset[str]) -> JSON:
    """The body of a `BrowserReport`."""
    return {
        "outcome": "passed" if looked.passed else "failed",
        "reason": looked.reason,
        "pages": [
            {
                "page": page.page,
                "findings": [
                    {"message": one.message, "path": one.path, "line": one.line}
                    for one in (finding(page, fault) for fault in page.faults)
                ],
                "characters": page.characters,
                "picture": shown.reference if (shown := picture(page)) and shown.sha256 in kept else None,
            }
            for page in looked.pages
        ],
    }
