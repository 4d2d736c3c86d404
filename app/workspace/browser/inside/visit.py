"""One page that is looked at: what it does wrong while it loads and runs, and what it shows."""

from __future__ import annotations

import base64
import json
import time
import urllib.parse
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from app.workspace.browser.inside.devtools import Browser
from app.workspace.browser.inside.picture import is_uniform

JSON = Any
WATCH = """
(seen => {
  const {stringify} = JSON, text = String;
  const tell = (said, file, line) =>
    seen('[' + stringify(text(said)) + ',' + stringify(text(file)) + ',' + stringify(line) + ']');
  addEventListener('error', event => { if (event.message !== undefined)
    tell(event.error && event.error.stack || event.message, event.filename, event.lineno) }, true);
  addEventListener('unhandledrejection', event =>
    tell('(in promise) ' + text(event.reason && event.reason.stack || event.reason), '', 0), true);
})(workbenchSeen);
"""
"""Runs before every script of the page: a page can hide its errors from the console, but not from this."""
FINDINGS, REQUESTS, TEXT = 20, 10_000, 500
ALLOWABLE = ("console", "request")
"""What a page can not be excused for are its own exceptions, and that it does not load or shows nothing."""
WHOLE_PAGE_PX = 8_000
"""Below this nobody looks for something painted."""


class Visit:
    """Looks at one page with a browser that does nothing else meanwhile."""

    def __init__(self, browser: Browser, origin: str, page: str, allow: Sequence[str]) -> None:
        self.findings: dict[tuple[str, str], JSON] = {}
        self._browser = browser
        self._origin = origin
        self._page = page
        self._allow = allow
        self._arrived = False
        self._loaded = False
        self._requests: dict[str, str] = {}
        self._failed: set[str] = set()
        self._logged: list[JSON] = []
        self._session = ""
        browser.on_event = self._event

    def look(self, load_s: float, wait_s: float, size: tuple[int, int]) -> JSON:
        """What it shows. Raises `Gone` when the browser does not answer any more."""
        browser = self._browser
        context = browser.ask("Target.createBrowserContext", within=30)["browserContextId"]
        target = browser.ask("Target.createTarget", within=30, url="about:blank", browserContextId=context)
        attached = browser.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        self._prepare(self._session)
        browser.ask("Page.enable", self._session, within=30)  # a page that went first would not be heard
        browser.ask("Page.addScriptToEvaluateOnNewDocument", self._session, source=WATCH)
        view = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
        browser.ask("Emulation.setDeviceMetricsOverride", self._session, **view)
        browser.send("Page.navigate", self._session, url=self._origin + urllib.parse.quote(self._page))
        browser.listen(time.monotonic() + load_s, lambda: self._loaded)
        if not self._loaded:
            self.add("load", f"the page did not finish loading within {load_s:g} s")
        browser.listen(time.monotonic() + wait_s)
        shown = self._shown(size)
        self._settle()
        browser.ask("Target.disposeBrowserContext", browserContextId=context)
        return shown

    def add(self, kind: str, text: str, url: str = "", line: int = 0) -> None:
        """The same words of the same kind are one finding; what is allowed is none, and takes no room."""
        same = (kind, text.split("\n")[0].removeprefix("Uncaught ")[:TEXT])
        if same in self.findings or len(self.findings) >= FINDINGS:
            return
        if kind in ALLOWABLE and any(fnmatchcase(same[1], pattern) for pattern in self._allow):
            return
        inside = url.startswith(self._origin)
        path = urllib.parse.unquote(urllib.parse.urlsplit(url).path[1:]) if inside else self._page
        self.findings[same] = {
            "kind": kind,
            "text": same[1],
            "path": path[:TEXT],
            "line": line if inside and line > 0 else None,
        }

    def _prepare(self, session: str) -> None:
        """Also for each worker and frame that has a session of its own."""
        for method in ("Runtime.enable", "Log.enable", "Network.enable"):
            self._browser.send(method, session)
        self._browser.send("Runtime.addBinding", session, name="workbenchSeen")
        more = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}
        self._browser.send("Target.setAutoAttach", session, **more)
        self._browser.send("Runtime.runIfWaitingForDebugger", session)

    def _shown(self, size: tuple[int, int]) -> JSON:
        """The visible part as a picture, and whether anything is painted on the whole page."""
        count = "document.body ? document.body.innerText.trim().length : 0"
        patience = 5.0 if self._loaded else 1.0
        answer = self._browser.ask(
            "Runtime.evaluate", self._session, within=patience, expression=count, returnByValue=True
        )
        characters = answer.get("result", {}).get("value")
        picture = self._capture()
        if is_uniform(picture):
            sizes = self._browser.ask("Page.getLayoutMetrics", self._session).get("cssContentSize", {})
            height = min(max(sizes.get("height", 0), size[1]), WHOLE_PAGE_PX)
            clip = {"x": 0, "y": 0, "width": size[0], "height": height, "scale": 1}
            if is_uniform(self._capture(clip=clip, captureBeyondViewport=True)):
                self.add("blank", "the page is blank: everything that is painted has one colour")
        return {
            "characters": characters if isinstance(characters, int) else 0,
            "picture": base64.b64encode(picture).decode(),
        }

    def _capture(self, **more: JSON) -> bytes:
        answer = self._browser.ask("Page.captureScreenshot", self._session, within=15, format="png", **more)
        return base64.b64decode(answer.get("data", ""))

    def _settle(self) -> None:
        """What the log says of a request is told once, with the request."""
        for entry in self._logged:
            if entry.get("source") != "network" or entry.get("url") not in self._failed:
                self.add(
                    "console", entry.get("text", ""), entry.get("url", ""), entry.get("lineNumber", -1) + 1
                )

    def _event(self, message: JSON) -> None:
        if handler := EVENTS.get(message.get("method", "")):
            handler(self, message.get("params", {}), message.get("sessionId", ""))

    def _on_load(self, params: JSON, session: str) -> None:
        self._loaded = self._loaded or (self._arrived and session == self._session)

    def _on_navigated(self, params: JSON, session: str) -> None:
        self._arrived = self._arrived or params["frame"]["url"].startswith(self._origin)

    def _on_attached(self, params: JSON, session: str) -> None:
        if session:
            self._prepare(params["sessionId"])

    def _on_exception(self, params: JSON, session: str) -> None:
        details = params["exceptionDetails"]
        thrown = details.get("exception", {})
        text = thrown.get("description") or str(thrown.get("value", details.get("text", "")))
        promised = "(in promise) " if "(in promise)" in details.get("text", "") else ""
        frame = (details.get("stackTrace", {}).get("callFrames") or [{}])[0]
        line = details.get("lineNumber", -1) + 1
        self.add("exception", promised + text, details.get("url") or frame.get("url", ""), line)

    def _on_seen(self, params: JSON, session: str) -> None:
        if params.get("name") != "workbenchSeen":
            return
        try:
            text, url, line = json.loads(params["payload"])
            self.add("exception", str(text), str(url), int(line))
        except (ValueError, TypeError):
            self.add("exception", "the page called workbenchSeen itself")

    def _on_console(self, params: JSON, session: str) -> None:
        if params.get("type") not in ("error", "assert"):
            return
        said = [str(one.get("value", one.get("description", ""))) for one in params.get("args", [])]
        frame = (params.get("stackTrace", {}).get("callFrames") or [{}])[0]
        self.add("console", " ".join(said), frame.get("url", ""), frame.get("lineNumber", -1) + 1)

    def _on_log(self, params: JSON, session: str) -> None:
        if params["entry"].get("level") == "error" and len(self._logged) < REQUESTS:
            self._logged.append(params["entry"])

    def _on_request(self, params: JSON, session: str) -> None:
        if len(self._requests) < REQUESTS:
            self._requests[params["requestId"]] = params["request"]["url"]

    def _on_response(self, params: JSON, session: str) -> None:
        if params["response"]["status"] >= 400:
            self._fail(params["response"]["url"], f"the answer is {params['response']['status']}")

    def _on_failed(self, params: JSON, session: str) -> None:
        if not params.get("canceled"):
            why = params.get("blockedReason") or params.get("errorText") or "it failed"
            self._fail(self._requests.get(params["requestId"], "?"), why)

    def _fail(self, url: str, why: str) -> None:
        if len(self._failed) < REQUESTS:
            self._failed.add(url)
        shown = url.removeprefix(self._origin)[:200]
        self.add("request", f"a request failed: {shown}: {why}")

    def _on_dialog(self, params: JSON, session: str) -> None:
        self._browser.send("Page.handleJavaScriptDialog", session, accept=True)

    def _on_crash(self, params: JSON, session: str) -> None:
        self.add("load", "the page crashed")


EVENTS: dict[str, Callable[[Visit, JSON, str], None]] = {
    "Inspector.targetCrashed": Visit._on_crash,
    "Log.entryAdded": Visit._on_log,
    "Network.loadingFailed": Visit._on_failed,
    "Network.requestWillBeSent": Visit._on_request,
    "Network.responseReceived": Visit._on_response,
    "Page.frameNavigated": Visit._on_navigated,
    "Page.javascriptDialogOpening": Visit._on_dialog,
    "Page.loadEventFired": Visit._on_load,
    "Runtime.bindingCalled": Visit._on_seen,
    "Runtime.consoleAPICalled": Visit._on_console,
    "Runtime.exceptionThrown": Visit._on_exception,
    "Target.attachedToTarget": Visit._on_attached,
}
