"""How a repository is tested is found out from its files."""

from __future__ import annotations

import json

import pytest

from app.tables import TestAdapter
from app.workspace.detection import adapter_of, detect

UNIT = "import unittest\nclass T(unittest.TestCase):\n    def test_a(self): ...\n"
DISCOVER = ("{python}", "-m", "unittest", "discover")
NODE = json.dumps({"scripts": {"test": "node --test"}})


async def found(files: dict[str, str]) -> tuple[TestAdapter, tuple[str, ...]] | None:
    async def read(path: str) -> str:
        return files[path]

    detected = await detect(list(files), read)
    return None if detected is None else (detected.adapter, detected.command[:6])


@pytest.mark.parametrize(
    ("files", "adapter"),
    [
        ({"go.mod": "module shop", "a_test.go": ""}, TestAdapter.GO),
        ({"pom.xml": "<project/>"}, TestAdapter.MAVEN),
        ({"tests/conftest.py": "", "tests/test_a.py": UNIT}, TestAdapter.PYTEST),
        ({"tests/test_a.py": "def test_a(): ..."}, TestAdapter.PYTEST),
        ({"package.json": NODE, "lib/a.js": ""}, TestAdapter.NODE),
        ({"package.json": "{}", "test/a.test.mjs": "import test from 'node:test'"}, TestAdapter.NODE),
        ({"index.html": "<p>", "style.css": ""}, TestAdapter.GATES),
        ({"index.html": "<p>", "node_modules/x/test_a.py": "def test_a(): ..."}, TestAdapter.GATES),
    ],
)
async def test_files_say_the_adapter(files: dict[str, str], adapter: TestAdapter) -> None:
    detected = await found(files)
    assert detected is not None
    assert detected[0] is adapter


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({"test_a.py": UNIT}, DISCOVER),
        ({"tests/__init__.py": "", "tests/test_a.py": UNIT}, DISCOVER),
        ({"tests/test_a.py": UNIT}, (*DISCOVER, "-s", "tests")),
    ],
)
async def test_tests_of_unittest_are_discovered_where_they_lie(
    files: dict[str, str], command: tuple[str, ...]
) -> None:
    assert await found(files) == (TestAdapter.UNITTEST, command)


@pytest.mark.parametrize(
    "files",
    [{"README.md": "tests"}, {"package.json": '{"scripts": {"test": "jest"}}'}, {"package.json": "["}],
)
async def test_other_files_say_nothing(files: dict[str, str]) -> None:
    assert await found(files) is None


@pytest.mark.parametrize(
    ("command", "adapter"),
    [
        ("{python} -m pytest --junitxml={junit}", TestAdapter.PYTEST),
        ("pytest --junitxml={junit}", TestAdapter.PYTEST),
        ("{python} -m unittest tests.test_a", TestAdapter.UNITTEST),
        ("go test ./...", TestAdapter.GO),
        ("mvn -o test", TestAdapter.MAVEN),
        ("node --test --test-reporter=junit --test-reporter-destination={junit}", TestAdapter.NODE),
        ("sh ci/test.sh {junit}", TestAdapter.JUNIT),
    ],
)
def test_a_command_says_its_adapter(command: str, adapter: TestAdapter) -> None:
    assert adapter_of(command.split()) is adapter
