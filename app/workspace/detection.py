"""What a repository is tested with, guessed from the names of its files and a look into a few."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from app.tables import TestAdapter
from app.workspace.adapters import ADAPTERS
from app.workspace.adapters.pytest import is_python_test

READ = 20
"""At most so many test files are looked into."""
PYTEST_FILES = ("conftest.py", "pytest.ini", ".pytest.ini", "pytest.toml")
NODE_TEST = re.compile(r"""["']node:test["']""")
IGNORED = ("node_modules/", "vendor/", "third_party/", ".venv/")

ReadText = Callable[[str], Awaitable[str]]
"""Path in, text out; empty for what is no text."""


@dataclass(frozen=True)
class Detected:
    """How to test, and what says so."""

    adapter: TestAdapter
    why: str
    test_command: tuple[str, ...] = ()
    """Empty: the adapter's own."""

    @property
    def command(self) -> tuple[str, ...]:
        return self.test_command or ADAPTERS[self.adapter].default


def adapter_of(command: Sequence[str]) -> TestAdapter:
    """The adapter that knows this command by its words."""
    program = command[0].rpartition("/")[2] if command else ""
    modules = {module for option, module in pairwise(command) if option == "-m"}
    if program in ("pytest", "py.test") or "pytest" in modules:
        return TestAdapter.PYTEST
    if "unittest" in modules:
        return TestAdapter.UNITTEST
    if program == "go" and not any("{junit}" in word for word in command):
        return TestAdapter.GO
    if program in ("mvn", "mvnw"):
        return TestAdapter.MAVEN
    return TestAdapter.NODE if program == "node" and "--test" in command else TestAdapter.JUNIT


async def detect(paths: Sequence[str], read: ReadText) -> Detected | None:
    """None: nothing here says how it is tested. `paths` are relative, with forward slashes."""
    own = [path for path in paths if not any(part in f"/{path}" for part in (f"/{name}" for name in IGNORED))]
    names = set(own)
    if "go.mod" in names:
        return Detected(TestAdapter.GO, "go.mod")
    if "pom.xml" in names:
        return Detected(TestAdapter.MAVEN, "pom.xml")
    found = await _python(own, read) or await _node(own, read)
    if found is None and any(path.endswith((".html", ".htm")) for path in own):
        return Detected(TestAdapter.GATES, "pages of HTML and no tests")
    return found


async def _python(paths: Sequence[str], read: ReadText) -> Detected | None:
    settings = [path for path in paths if path.rpartition("/")[2] in PYTEST_FILES]
    if settings:
        return Detected(TestAdapter.PYTEST, settings[0])
    tests = [path for path in paths if is_python_test(path)]
    if not tests:
        return None
    texts = [await read(path) for path in tests[:READ]]
    if any("unittest" in text for text in texts) and not any(_is_pytest(text) for text in texts):
        return Detected(TestAdapter.UNITTEST, tests[0], _discover(tests[0], paths))
    return Detected(TestAdapter.PYTEST, tests[0])


def _is_pytest(text: str) -> bool:
    """A function that is a test, or the name of pytest."""
    return "pytest" in text or re.search(r"^(?:async )?def test", text, re.MULTILINE) is not None


def _discover(test: str, paths: Sequence[str]) -> tuple[str, ...]:
    """Discovery goes down from the top only into packages."""
    top = test.partition("/")[0]
    if "/" not in test or f"{top}/__init__.py" in paths:
        return ()
    return ("{python}", "-m", "unittest", "discover", "-s", test.rpartition("/")[0])


async def _node(paths: Sequence[str], read: ReadText) -> Detected | None:
    adapter = ADAPTERS[TestAdapter.NODE]
    if "package.json" in paths and "node --test" in _test_script(await read("package.json")):
        return Detected(TestAdapter.NODE, "the test script of package.json")
    for path in [path for path in paths if adapter.is_test_file(path)][:READ]:
        if NODE_TEST.search(await read(path)):
            return Detected(TestAdapter.NODE, f"{path} uses node:test")
    return None


def _test_script(text: str) -> str:
    try:
        script = json.loads(text)["scripts"]["test"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return script if isinstance(script, str) else ""
