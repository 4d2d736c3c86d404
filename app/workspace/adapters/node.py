"""Node's own test runner, which writes JUnit XML since Node 20."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from xml.etree.ElementTree import Element

from app.workspace.adapters.adapter import Prepared
from app.workspace.sandbox import junit
from app.workspace.sandbox.junit import Report
from app.workspace.sandbox.project_limits import SandboxLimits

SOURCE = re.compile(r"\.[cm]?[jt]s\Z")


class NodeAdapter:
    """A file that ends its process is reported as one passed test with the file's name: no proof."""

    default: tuple[str, ...] = (
        "node",
        "--test",
        "--test-reporter=junit",
        "--test-reporter-destination={junit}",
    )
    names_junit = True
    needs = SandboxLimits(address_space_mb=0)
    """V8 reserves address space that it never touches."""

    def prepare(self, argv: Sequence[str]) -> Prepared:
        return Prepared(tuple(argv))

    def read(self, data: bytes) -> Report:
        report = junit.read(data, _path_and_name)
        return replace(report, hollow=tuple(name for name in report.names("passed") if SOURCE.search(name)))

    def is_test_file(self, path: str) -> bool:
        name = path.rpartition("/")[2]
        in_folder = any(part in ("test", "tests", "__tests__") for part in path.split("/")[:-1])
        marked = re.search(r"(?:^test|[.\-_]test|\.spec|^test-.+)\.[cm]?[jt]sx?\Z", name) is not None
        return marked or (in_folder and SOURCE.search(name) is not None)


def _path_and_name(element: Element, above: Sequence[Element]) -> str:
    """`classname` says `test` of every test, so the suites around it tell them apart."""
    names = [outer.get("name", "") for outer in above if outer.tag == "testsuite"]
    return " > ".join(name for name in (*names, element.get("name", "")) if name)
