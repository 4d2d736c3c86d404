"""Go's tests: the lines of `go test -json`, read here because Go writes no JUnit XML."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from app.errors import Invalid
from app.workspace.adapters.adapter import Prepared, captured
from app.workspace.sandbox.junit import CASES, MESSAGE_CHARACTERS, Case, Report, State, case
from app.workspace.sandbox.limits import RESULT_BYTES
from app.workspace.sandbox.output import printable
from app.workspace.sandbox.project_limits import SandboxLimits

LINE = 64 * 1024
STATES: dict[str, State] = {"pass": "passed", "fail": "failed", "skip": "skipped"}
NOTHING_TO_RUN = ("[no tests to run]", "[no test files]")
ENVIRONMENT = {"GOPROXY": "off", "GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false"}


class GoAdapter:
    """`go test ./...` with `-json`; what it prints is the report."""

    default: tuple[str, ...] = ("go", "test", "./...")
    names_junit = False
    needs = SandboxLimits(address_space_mb=0, processes=512, cpu_s=300, work_mb=1024)

    def prepare(self, argv: Sequence[str]) -> Prepared:
        if "test" not in argv[1:]:
            raise Invalid(
                "the test command of the adapter go is a call like go test ./...", place="test_command"
            )
        at = list(argv).index("test", 1) + 1
        script = 'GOCACHE="$PWD/.workbench-go-cache" exec "$@" >"$out"'
        return Prepared(captured((*argv[:at], "-json", *argv[at:]), script), ENVIRONMENT)

    def read(self, data: bytes) -> Report:
        if len(data) > RESULT_BYTES:
            raise Invalid(f"the report of go test is larger than {RESULT_BYTES} bytes")
        run = _Run()
        for event in _events(data):
            run.take(event)
        if not run.packages:
            raise Invalid("the report of go test names no package")
        return run.report()

    def is_test_file(self, path: str) -> bool:
        return path.endswith("_test.go")


class _Run:
    """The tests and packages of one report. A test is known by its package and its name."""

    def __init__(self) -> None:
        self.tests: dict[tuple[str, str], str] = {}
        """The last action of each test."""
        self.packages: dict[str, str] = {}
        self.output: dict[tuple[str, str], str] = {}
        self.empty: set[str] = set()

    def take(self, event: dict[str, Any]) -> None:
        package, test, action = (_text(event, key) for key in ("Package", "Test", "Action"))
        if not package:
            return
        if len(self.tests) + len(self.packages) > CASES:
            raise Invalid(f"the report of go test holds more than {CASES} tests")
        if action == "output":
            said = _text(event, "Output")
            self.output[package, test] = (self.output.get((package, test), "") + said)[-MESSAGE_CHARACTERS:]
            if not test and any(mark in said for mark in NOTHING_TO_RUN):
                self.empty.add(package)
        elif test:
            if action in STATES or action == "run":
                self.tests[package, test] = action
        elif action in STATES:
            self.packages[package] = action

    def report(self) -> Report:
        cases = [self._case(package, test, action) for (package, test), action in self.tests.items()]
        failed = {package for (package, _), action in self.tests.items() if action not in ("pass", "skip")}
        broken = [name for name, action in self.packages.items() if action == "fail" and name not in failed]
        cases += [case(f"{name}::(package)", "error", self._said(name, "")) for name in broken]
        tested = {package for package, _ in self.tests}
        hollow = [
            name
            for name, action in self.packages.items()
            if action == "pass" and name not in tested and name not in self.empty
        ]
        cases += [case(name, "passed") for name in hollow]
        return Report(tuple(cases), 0, 0, tuple(case(name, "passed").name for name in hollow))

    def _case(self, package: str, test: str, action: str) -> Case:
        name = f"{package}::{test}"
        if action == "run":
            return case(name, "error", f"it began and did not end\n{self._said(package, test)}")
        return case(name, STATES[action], self._said(package, test) if action == "fail" else "")

    def _said(self, package: str, test: str) -> str:
        return printable(self.output.get((package, test), "")).strip()


def _events(data: bytes) -> Iterator[dict[str, Any]]:
    """The lines that are JSON objects. Go mixes in plain lines when it can not build."""
    for line in data.split(b"\n"):
        if not line.startswith(b"{") or len(line) > LINE:
            continue
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict):
            yield event


def _text(event: dict[str, Any], key: str) -> str:
    value = event.get(key, "")
    return value if isinstance(value, str) else ""
