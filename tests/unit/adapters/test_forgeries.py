"""A change that only pretends to pass is never taken for one that does."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from app.pipelines.testing import Tested
from app.tables import TestAdapter
from tests.benches import Workshop, open_workshop
from tests.unit.adapters import forgeries

pytestmark = pytest.mark.slow

Opened = dict[TestAdapter, Workshop]
BASES = {
    TestAdapter.PYTEST: forgeries.BASE,
    TestAdapter.UNITTEST: forgeries.UNITTEST_BASE,
    TestAdapter.GO: forgeries.GO_BASE,
    TestAdapter.NODE: forgeries.NODE_BASE,
}


def forged(
    adapter: TestAdapter, cases: dict[str, dict[str, str]], program: str = "sh", **files: str
) -> list[object]:
    skip = pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")
    failing = {path.replace("__", "/").replace("_dot_", "."): text for path, text in files.items()}
    return [
        pytest.param(adapter, {**failing, **case}, id=f"{adapter}: {name}", marks=skip)
        for name, case in cases.items()
    ]


@pytest_asyncio.fixture(scope="module")
async def workshops(state_root: Path) -> AsyncIterator[Opened]:
    yield {adapter: await open_workshop(state_root, adapter, base) for adapter, base in BASES.items()}


@pytest.mark.parametrize(
    ("adapter", "files"),
    [
        *forged(TestAdapter.PYTEST, forgeries.PYTEST, tests__test_vat_dot_py=forgeries.FAILS),
        *forged(TestAdapter.UNITTEST, forgeries.UNITTEST, test_vat_dot_py=forgeries.UNITTEST_FAILS),
        *forged(TestAdapter.GO, forgeries.GO, "go"),
        *forged(TestAdapter.NODE, forgeries.NODE, "node"),
    ],
)
async def test_a_forged_pass_is_no_pass(
    workshops: Opened, adapter: TestAdapter, files: dict[str, str]
) -> None:
    tested: Tested = await workshops[adapter].test(files)
    print(f"VERDICT {tested.verdict.outcome}: {tested.verdict.reason}")
    assert tested.verdict.outcome != "passed"


HONEST: dict[TestAdapter, dict[str, str]] = {
    TestAdapter.PYTEST: {"tests/test_vat.py": forgeries.FAILS.replace("119", "100")},
    TestAdapter.UNITTEST: {"test_vat.py": forgeries.UNITTEST_FAILS.replace("119", "100")},
    TestAdapter.GO: {"vat/vat_test.go": forgeries.GO_FAILS.replace('t.Fatal("wrong")', 't.Log("right")')},
    TestAdapter.NODE: {"vat.test.js": "require('node:test')('vat', () => {});\n"},
}


@pytest.mark.parametrize("adapter", HONEST, ids=str)
async def test_an_honest_change_passes(workshops: Opened, adapter: TestAdapter) -> None:
    if adapter in (TestAdapter.GO, TestAdapter.NODE) and shutil.which(adapter) is None:
        pytest.skip(f"{adapter} is not installed")
    tested = await workshops[adapter].test(HONEST[adapter])
    assert (tested.verdict.outcome, tested.verdict.tests, tested.verdict.base_tests) == ("passed", 2, 1), (
        tested.verdict
    )
