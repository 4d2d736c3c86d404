"""A page passes the browser gate when it loads, shows something, and runs without an error."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from app.errors import Invalid
from app.workspace.browser.inside.picture import is_uniform
from app.workspace.browser.program import PROGRAMS
from app.workspace.gates import check_gate, run_gates
from app.workspace.gates.browser import BrowserGate
from app.workspace.gates.gate import Bench, Change, GateResult, GateSpec
from app.workspace.sandbox.limits import Limits
from app.workspace.sandbox.sandbox import Sandbox
from tests.unit.workspace.pages import BAD, GOOD, NEVER

with_chromium = pytest.mark.skipif(
    not any(os.access(path, os.X_OK) for path in PROGRAMS),
    reason="chromium is not installed (apt install chromium)",
)


def gate(**settings: Any) -> GateSpec:
    return GateSpec("pages", "browser", ("*",), settings)


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench(Sandbox(), Limits(wall_s=300), None)


async def looked(root: Path, files: Mapping[str, str], bench: Bench, **settings: Any) -> GateResult:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    [result] = await run_gates([gate(**settings)], root, list(files), bench)
    return result


@pytest.fixture(scope="module")
async def good(tmp_path_factory: pytest.TempPathFactory, bench: Bench) -> GateResult:
    return await looked(tmp_path_factory.mktemp("good"), GOOD, bench, wait_ms=300, load_ms=60_000)


@pytest.fixture(scope="module")
async def bad(tmp_path_factory: pytest.TempPathFactory, bench: Bench) -> GateResult:
    return await looked(tmp_path_factory.mktemp("bad"), BAD, bench, wait_ms=300, load_ms=60_000)


@with_chromium
def test_good_pages_pass_and_a_picture_of_each_is_kept(good: GateResult) -> None:
    assert (good.outcome, good.findings) == ("passed", ())
    assert good.reason == "3 pages loaded with no error, and show something"
    pictures = {one.name: one.data for one in good.attachments}
    assert sorted(pictures) == ["animation.html.png", "below.html.png", "good.html.png"]
    assert not is_uniform(pictures["animation.html.png"])


@with_chromium
@pytest.mark.parametrize(
    ("path", "line", "message"),
    [
        ("constant.html", 4, "uncaught TypeError: Assignment to constant variable."),
        ("shadow.html", 4, "uncaught ReferenceError: Cannot access 'fish' before initialization"),
        ("undefined.html", 1, "uncaught ReferenceError: drawBubbles is not defined"),
        ("type.html", 2, "uncaught TypeError: Cannot set properties of null (setting 'textContent')"),
        ("blank.html", None, "the page is blank: everything that is painted has one colour"),
        ("unpainted.html", None, "the page is blank: everything that is painted has one colour"),
        ("request.html", None, "a request failed: https://example.com/cat.png: net::ERR_NAME_NOT_RESOLVED"),
        ("request.html", None, "a request failed: gone.js: the answer is 404"),
        ("console.html", 1, "console: the score is wrong 7"),
        ("rejection.html", None, "uncaught (in promise) Error: no data"),
        ("hushed.html", 1, "uncaught Error: hushed"),
        (
            "worker.js",
            1,
            "uncaught TypeError: Cannot set properties of undefined (setting 'cells') (in worker.html)",
        ),
    ],
)
def test_a_fault_is_found_with_its_place(bad: GateResult, path: str, line: int | None, message: str) -> None:
    assert bad.outcome == "failed"
    assert (path, line, message) in [(one.path, one.line, one.message) for one in bad.findings]


@with_chromium
def test_every_bad_page_fails_and_nothing_is_said_twice(bad: GateResult) -> None:
    assert bad.reason == "11 of 11 pages went wrong in the browser"
    assert len(bad.findings) == len({(one.path, one.message) for one in bad.findings})


@with_chromium
async def test_a_page_that_never_loads_fails_and_the_pages_after_it_are_looked_at(
    tmp_path: Path, bench: Bench
) -> None:
    files = {**NEVER, "then.html": BAD["console.html"]}
    result = await looked(tmp_path, files, bench, wait_ms=0, load_ms=1_000)
    found = [(one.path, one.message) for one in result.findings]
    assert ("never.html", "the page did not finish loading within 1 s") in found
    assert [path for path, _ in found].count("never.html") == 1
    assert any(path == "then.html" for path, _ in found)


@with_chromium
async def test_allowed_messages_are_left_out_but_no_exception_is(tmp_path: Path, bench: Bench) -> None:
    page = "<h1>Hi</h1><script>console.error('known: 7'); nope()</script>"
    result = await looked(tmp_path, {"a.html": page}, bench, wait_ms=0, allow=["known*", "*nope*"])
    assert [one.message for one in result.findings] == ["uncaught ReferenceError: nope is not defined"]


@with_chromium
async def test_allowed_messages_leave_room_for_what_is_not_allowed(tmp_path: Path, bench: Bench) -> None:
    log = "for (let n = 0; n < 40; n++) console.error('known', n);"
    many = "".join(f"<script src='known{n}.js'></script>" for n in range(40))
    pages = {
        "log.html": f"<h1>Shop</h1><script>{log} setTimeout(() => lost())</script>",
        "requests.html": f"<h1>Shop</h1>{many}<script>setTimeout(() => lost())</script>",
        "rule.html": "<meta http-equiv='Content-Security-Policy' content=\"img-src 'none'\"><h1>Shop</h1>"
        f"{many}<img src='x.png'>",
    }
    result = await looked(tmp_path, pages, bench, wait_ms=300, load_ms=60_000, allow=["*known*"])
    found = {finding.path: finding.message for finding in result.findings}
    assert sorted(found) == ["log.html", "requests.html", "rule.html"], found


@with_chromium
async def test_a_page_can_not_hide_its_exceptions(tmp_path: Path, bench: Bench) -> None:
    hide = "window.workbenchSeen = () => {}; JSON.stringify = String; onerror = () => true;"
    calm = "addEventListener('unhandledrejection', event => event.preventDefault());"
    pages = {
        "thrown.html": f"<h1>Shop</h1><script>{hide} setTimeout(() => lost())</script>",
        "promised.html": f"<h1>Shop</h1><script>{hide}{calm} Promise.reject(new Error('lost'))</script>",
    }
    result = await looked(tmp_path, pages, bench, wait_ms=300, load_ms=60_000)
    assert {finding.path for finding in result.findings} == set(pages)
    assert all("lost" in finding.message for finding in result.findings), result.findings


@with_chromium
async def test_a_script_alone_has_every_page_looked_at(tmp_path: Path, bench: Bench) -> None:
    (tmp_path / "index.html").write_text("<h1>Hi</h1><script src=game.js></script>")
    (tmp_path / "game.js").write_text("start()")
    [result] = await run_gates([gate(wait_ms=0)], tmp_path, ["game.js"], bench)
    assert [(one.path, one.message) for one in result.findings] == [
        ("game.js", "uncaught ReferenceError: start is not defined (in index.html)")
    ]


async def test_a_browser_that_is_not_there_is_missing_and_never_passes(tmp_path: Path, bench: Bench) -> None:
    (tmp_path / "a.html").write_text("<h1>Hi</h1>")
    result = await BrowserGate(programs=["/nowhere/chromium"]).run(
        gate(), Change(tmp_path, ("a.html",)), bench
    )
    assert result.outcome == "missing"
    assert "there is no Chromium on this host" in result.reason


@with_chromium
async def test_a_change_with_no_page_to_look_at_does_not_pass(tmp_path: Path, bench: Bench) -> None:
    result = await looked(tmp_path, {"game.js": "start()"}, bench)
    assert (result.outcome, result.reason) == ("failed", "there is no page to look at; name some in `pages`")


def test_settings_that_make_no_sense_are_refused_with_their_place() -> None:
    with pytest.raises(Invalid, match=r"settings\.wait_ms"):
        check_gate(gate(wait_ms=-1))
