"""Serves the files, has each page looked at, and writes the report."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from app.workspace.browser.inside.devtools import Browser, Gone
from app.workspace.browser.inside.visit import Visit

JSON = Any
PICTURE_CHARACTERS = 6 * 1024 * 1024
"""Of all pictures together, as they are written; with the findings they fit in the result."""


class Files(SimpleHTTPRequestHandler):
    """The throw-away copy, as it is."""

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def do_GET(self) -> None:
        if self.path == "/favicon.ico" and not os.path.exists("favicon.ico"):
            self.send_response(204)  # browsers want it unasked
            self.end_headers()
        else:
            super().do_GET()


def main() -> None:
    """Takes the job as JSON and the file for the report as arguments."""
    job, target = json.loads(sys.argv[1]), sys.argv[2]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    origin = f"http://127.0.0.1:{server.server_address[1]}/"
    report = {"pages": look_at_all(job, origin)}
    with open(target, "w") as file:
        json.dump(report, file)


def look_at_all(job: JSON, origin: str) -> list[JSON]:
    """A page that leaves the browser without an answer takes it down; the next page gets another."""
    found, room, browser = [], PICTURE_CHARACTERS, None
    size = (job["width"], job["height"])
    for page in job["pages"]:
        browser = browser or Browser(job["program"], f"{tempfile.mkdtemp()}/browser", size)
        visit = Visit(browser, origin, page, job["allow"])
        shown: dict[str, JSON] = {"characters": 0, "picture": None}
        try:
            shown = visit.look(job["load_s"], job["wait_s"], size)
        except (Gone, KeyError) as error:
            if not any(kind == "load" for kind, _ in visit.findings):
                visit.add("load", f"the page could not be looked at: {error}")
            browser.close()
            browser = None
        if shown["picture"] and len(shown["picture"]) > room:
            shown["picture"] = None
        room -= len(shown["picture"] or "")
        found.append({"page": page, "findings": list(visit.findings.values()), **shown})
    if browser is not None:
        browser.close()
    return found
