"""/docs in a real browser: it loads from this server alone, and its forms work with a token."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from tests import chromium
from tests.e2e.test_server import served

OPERATION = "#operations-health-version_version_get"
STATUS = f"{OPERATION} .live-responses-table .response .response-col_status"


@pytest.mark.skipif(chromium.installed() is None, reason="chromium is not installed (apt install chromium)")
def test_try_it_out_works_with_a_token_and_the_console_stays_clean(
    database_url: str, state_dir: Path, tmp_path: Path
) -> None:
    with served(database_url, state_dir) as server, chromium.page(tmp_path / "profile") as page:
        token = (state_dir / "admin.token").read_text().strip()
        page.send("Page.navigate", url=f"{server.url}/docs")
        assert page.wait_for("document.querySelectorAll('.opblock').length") > 30
        page.click(".auth-wrapper .btn.authorize")
        page.type(".auth-container input", token)
        page.click(".auth-btn-wrapper .btn.authorize")
        page.click(".auth-btn-wrapper .btn-done")
        page.click(f"{OPERATION} .opblock-summary-control")
        page.click(f"{OPERATION} .try-out__btn")
        page.click(f"{OPERATION} .execute")
        status = page.wait_for(f"document.querySelector('{STATUS}')?.innerText?.match(/[0-9]+/)?.[0]")
        _keep_screenshot(page)
        assert status == "200"
        assert page.errors == []
        assert page.hosts == {server.url.removeprefix("http://")}


def _keep_screenshot(page: chromium.Page) -> None:
    """For a person who wants to look: WORKBENCH_TEST_SCREENSHOT names the file."""
    if target := os.environ.get("WORKBENCH_TEST_SCREENSHOT"):
        picture = page.send("Page.captureScreenshot", format="png")["data"]
        Path(target).write_bytes(base64.b64decode(picture))
