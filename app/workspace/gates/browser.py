"""Gates of kind `browser`: pages have to load, show something, and run without an error."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from app.workspace import declared
from app.workspace.browser.check import look
from app.workspace.browser.program import PROGRAMS, BrowserMissing
from app.workspace.browser.report import Fault, PageLook
from app.workspace.browser.settings import BrowserSettings
from app.workspace.gates.gate import JSON, Attachment, Bench, Change, Finding, GateResult, GateSpec

SAID = {"exception": "uncaught ", "console": "console: "}


class BrowserGate:
    """One Chromium in the sandbox looks at all pages; a picture of each is kept."""

    def __init__(self, programs: Sequence[str] = PROGRAMS) -> None:
        """`programs`: where Chromium may be."""
        self._programs = programs

    def check(self, settings: Mapping[str, JSON]) -> None:
        declared.read(BrowserSettings, settings)

    async def run(self, spec: GateSpec, change: Change, bench: Bench) -> GateResult:
        settings = declared.read(BrowserSettings, spec.settings)
        try:
            looked = await look(
                bench.sandbox, bench.limits, change.root, change.paths, settings, self._programs
            )
        except BrowserMissing as missing:
            return GateResult(spec.name, spec.kind, "missing", missing.message)
        return GateResult(
            spec.name,
            spec.kind,
            "passed" if looked.passed else "failed",
            looked.reason,
            findings=tuple(finding(page, fault) for page in looked.pages for fault in page.faults),
            attachments=tuple(one for page in looked.pages if (one := picture(page)) is not None),
        )


def finding(page: PageLook, fault: Fault) -> Finding:
    """What went wrong, with the page where that is another file."""
    place = "" if fault.path == page.page else f" (in {page.page})"
    return Finding(f"{SAID.get(fault.kind, '')}{fault.text}{place}", fault.path, fault.line)


def picture(page: PageLook) -> Attachment | None:
    """The picture of the page, under a name that is one in any folder."""
    if page.picture is None:
        return None
    return Attachment(f"{re.sub('[^A-Za-z0-9._-]+', '-', page.page)}.png", "image/png", page.picture)
