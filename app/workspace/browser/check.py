"""Looks at pages: one browser in the sandbox loads them one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.errors import Invalid
from app.workspace.browser.program import PROGRAMS, command, program, widened
from app.workspace.browser.report import PageLook, read
from app.workspace.browser.settings import PAGES, BrowserSettings
from app.workspace.sandbox.limits import Limits
from app.workspace.sandbox.output import last
from app.workspace.sandbox.sandbox import Sandbox
from app.workspace.sandbox.verdict import LIMIT_REASONS


@dataclass(frozen=True)
class Looked:
    """What was seen of all pages."""

    pages: tuple[PageLook, ...]
    trouble: str | None = None
    """Why nothing was seen; then nothing speaks for the pages."""

    @property
    def passed(self) -> bool:
        return self.trouble is None and bool(self.pages) and not any(page.faults for page in self.pages)

    @property
    def reason(self) -> str:
        """One sentence for a person."""
        if self.trouble is not None:
            return self.trouble
        wrong = [page for page in self.pages if page.faults]
        if wrong:
            return f"{len(wrong)} of {len(self.pages)} pages went wrong in the browser"
        return f"{len(self.pages)} pages loaded with no error, and show something"


async def look(
    sandbox: Sandbox,
    limits: Limits,
    root: Path,
    changed: Sequence[str],
    settings: BrowserSettings,
    programs: Sequence[str] = PROGRAMS,
) -> Looked:
    """Raises `BrowserMissing`, `SandboxUnavailable`."""
    browser = program(programs)
    pages = await asyncio.to_thread(settings.chosen, root, changed)
    if not pages:
        return Looked((), "there is no page to look at; name some in `pages`")
    if len(pages) > PAGES:
        return Looked((), f"{len(pages)} pages are more than {PAGES}; name those that matter in `pages`")
    job = {
        "program": browser,
        "pages": pages,
        "load_s": settings.load_ms / 1000,
        "wait_s": settings.wait_ms / 1000,
        "width": settings.width,
        "height": settings.height,
        "allow": settings.allow,
    }
    execution = await sandbox.run(root, command(job), widened(limits))
    if execution.ended != "exit":
        return Looked((), LIMIT_REASONS[execution.ended].replace("the tests", "the browser"))
    if execution.junit is None:
        said = last(execution.output, 500).strip() or f"exit code {execution.exit_code}"
        return Looked((), f"the browser could not be driven: {said}")
    try:
        return Looked(await asyncio.to_thread(read, execution.junit, pages))
    except Invalid as error:
        return Looked((), error.message)
