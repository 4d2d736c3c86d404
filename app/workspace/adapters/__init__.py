"""The test adapters there are: one dict."""

from __future__ import annotations

from app.tables import TestAdapter
from app.workspace.adapters.adapter import Adapter, Controllable
from app.workspace.adapters.gates import GatesAdapter
from app.workspace.adapters.go import GoAdapter
from app.workspace.adapters.junit import JUnitAdapter
from app.workspace.adapters.maven import MavenAdapter
from app.workspace.adapters.node import NodeAdapter
from app.workspace.adapters.pytest import PytestAdapter
from app.workspace.adapters.unittest import UnittestAdapter

PYTEST, UNITTEST = PytestAdapter(), UnittestAdapter()

ADAPTERS: dict[TestAdapter, Adapter] = {
    TestAdapter.PYTEST: PYTEST,
    TestAdapter.UNITTEST: UNITTEST,
    TestAdapter.GO: GoAdapter(),
    TestAdapter.NODE: NodeAdapter(),
    TestAdapter.MAVEN: MavenAdapter(),
    TestAdapter.JUNIT: JUnitAdapter(),
    TestAdapter.GATES: GatesAdapter(),
}

CONTROLLED: dict[TestAdapter, Controllable] = {
    TestAdapter.PYTEST: PYTEST,
    TestAdapter.UNITTEST: UNITTEST,
}
