"""Runs unittest and writes JUnit XML. Its source is given to the project's Python, so it uses only that."""

from __future__ import annotations

import importlib.util
import sys
import time
import unittest
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import quoteattr

TEXT = 4000


class Result(unittest.TestResult):
    """Keeps how each test ended; what is not kept as a problem or a skip has passed."""

    def __init__(self) -> None:
        super().__init__(sys.stderr, True, 1)
        self.ended: dict[str, tuple[str, str]] = {}

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self._keep(test, "passed")

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        super().addError(test, err)
        self._keep(test, "error", self.errors[-1][1])

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        super().addFailure(test, err)
        self._keep(test, "failure", self.failures[-1][1])

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            kind = "failure" if issubclass(err[0], test.failureException) else "error"
            kept = self.failures if kind == "failure" else self.errors
            self._keep(test, kind, f"{subtest}\n{kept[-1][1]}")

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        super().addSkip(test, reason)
        self._keep(test, "skipped", reason)

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        super().addUnexpectedSuccess(test)
        self._keep(test, "failure", "passed, although it was expected to fail")

    def _keep(self, test: unittest.TestCase, kind: str, text: str = "") -> None:
        """The first problem of a test counts; a class that could not be set up counts as a test."""
        if self.ended.get(test.id(), ("", ""))[0] not in ("failure", "error"):
            self.ended[test.id()] = (kind, text)


class Runner:
    """What unittest.main runs its tests with."""

    def __init__(self, **options: Any) -> None:
        self.options = options

    def run(self, test: unittest.TestSuite | unittest.TestCase) -> Result:
        result = Result()
        result.failfast = self.options.get("failfast", False)
        started = time.monotonic()
        unittest.TestSuite([test, *controls(sys.argv[2])])(result)
        write(result, sys.argv[1])
        for name, (kind, text) in result.ended.items():
            if kind != "passed":
                print(f"{kind.upper()}: {name}\n{text}", file=sys.stderr)
        print(f"Ran {len(result.ended)} tests in {time.monotonic() - started:.3f}s", file=sys.stderr)
        return result


def controls(paths: str) -> Iterator[unittest.TestSuite]:
    """The tests of files that lie where discovery may not look."""
    for path in filter(None, paths.split(":")):
        spec = importlib.util.spec_from_file_location(path.replace("/", ".")[:-3], path)
        if spec is None or spec.loader is None:
            raise ImportError(path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield unittest.defaultTestLoader.loadTestsFromModule(module)


def write(result: Result, path: str) -> None:
    with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(f'<testsuite name="unittest" tests="{len(result.ended)}">\n')
        for name, (kind, text) in result.ended.items():
            problem = "" if kind == "passed" else f"<{kind} message={attribute(text[-TEXT:])}/>"
            file.write(f"<testcase name={attribute(name)}>{problem}</testcase>\n")
        file.write("</testsuite>\n")


def attribute(text: str) -> str:
    """Without the characters that XML does not know."""
    forbidden = {code: "?" for code in (*range(0x20), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF)}
    return quoteattr(text.translate({**forbidden, 9: "\t", 10: "\n"}))


if __name__ == "__main__":
    program = unittest.main(
        module=None, argv=["python -m unittest", *sys.argv[3:]], testRunner=Runner, exit=False
    )
    sys.exit(not program.result.wasSuccessful())
