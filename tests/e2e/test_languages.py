"""A small change in each language: its gate catches the first answer, the second becomes a tested commit."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.artifacts import store as artifacts
from app.pipelines import projects
from app.pipelines.projects import ProjectDraft
from app.services import Services
from app.tables import TestAdapter
from tests.db.repositories import make_repository
from tests.db.software import Shop, Team, code, review

EPIC = "Add up the prices of a cart"
ONE_TEST = """
if {steps}; then failed=; else failed='<failure/>'; fi
echo "<testsuite><testcase name='all'>$failed</testcase></testsuite>" > "$1"
[ -z "$failed" ]
"""


def one_test(steps: str) -> tuple[str, ...]:
    """A command that counts `steps` as one test."""
    return ("sh", "-c", ONE_TEST.format(steps=steps), "sh", "{junit}")


@dataclass(frozen=True)
class Language:
    """A repository, and two answers to the same epic."""

    gate: str
    tools: tuple[str, ...]
    """Programs without which there is nothing to try."""
    adapter: TestAdapter
    command: tuple[str, ...]
    repository: Mapping[str, str]
    file: str
    good: str
    planted: tuple[str, str]
    """What stands in the good answer, and what in the first one."""
    finding: str
    """How what the gate found begins."""

    @property
    def bad(self) -> str:
        return self.good.replace(*self.planted)


PYTHON = Language(
    gate="python",
    tools=(),
    adapter=TestAdapter.PYTEST,
    command=("{python}", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml={junit}"),
    repository={
        "tests/test_cart.py": "from cart import total\n\n\ndef test_adds():\n    assert total([1, 2]) == 3\n",
        "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["."]\n',
    },
    file="cart.py",
    good="def total(prices):\n    sum_ = 0\n"
    "    for price in prices:\n        sum_ += price\n    return sum_\n",
    planted=("    sum_ = 0", "    const sum_ = 0"),
    finding="cart.py:2: SyntaxError",
)
GO = Language(
    gate="go",
    tools=("go",),
    adapter=TestAdapter.GO,
    command=("go", "test", "./..."),
    repository={
        "go.mod": "module example.org/cart\n\ngo 1.18\n",
        "cart.go": "package cart\n\nfunc Total(prices []int) int { return 0 }\n",
        "cart_test.go": 'package cart\n\nimport "testing"\n\nfunc TestTotal(t *testing.T) {\n'
        '\tif Total([]int{1, 2}) != 3 {\n\t\tt.Fatal("not 3")\n\t}\n}\n',
    },
    file="cart.go",
    good="package cart\n\nfunc Total(prices []int) int {\n\tvar sum = 0\n"
    "\tfor _, price := range prices {\n\t\tsum += price\n\t}\n\treturn sum\n}\n",
    planted=("var sum", "const sum"),
    finding="cart.go:6: cannot assign to sum",
)
JAVASCRIPT = Language(
    gate="javascript",
    tools=("node",),
    adapter=TestAdapter.NODE,
    command=("node", "--test", "--test-reporter=junit", "--test-reporter-destination={junit}", "tests/"),
    repository={
        "package.json": '{"name": "cart", "type": "module"}\n',
        "tests/cart.test.js": "import test from 'node:test';\nimport assert from 'node:assert';\n"
        "import { total } from '../cart.js';\n\ntest('adds', () => assert.equal(total([1, 2]), 3));\n",
    },
    file="cart.js",
    good="export function total(prices) {\n  let sum = 0;\n"
    "  for (const price of prices) sum += price;\n  return sum;\n}\n",
    planted=("  let sum = 0;", "  const sum = 0;\n  let sum = 0;"),
    finding="cart.js:3: SyntaxError: Identifier 'sum' has already been declared",
)
JAVA = Language(
    gate="java",
    tools=("javac", "java"),
    adapter=TestAdapter.JUNIT,
    command=one_test("javac -J-Xmx256m -d out src/*.java && java -Xmx256m -cp out CartTest"),
    repository={
        "src/CartTest.java": "class CartTest {\n  public static void main(String[] given) {\n"
        "    if (Cart.total(1, 2) != 3) throw new AssertionError();\n  }\n}\n",
    },
    file="src/Cart.java",
    good="public class Cart {\n  static int total(int... prices) {\n    int sum = 0;\n"
    "    for (int price : prices) sum += price;\n    return sum;\n  }\n}\n",
    planted=("    int sum = 0;", "    final int sum = 0;"),
    finding="src/Cart.java:4: cannot assign a value to final variable sum",
)


@pytest.mark.parametrize("language", [PYTHON, GO, JAVASCRIPT, JAVA], ids=lambda one: one.gate)
async def test_a_planted_error_is_caught_by_the_gate_and_its_rework_is_committed(
    language: Language, services: Services, tmp_path: Path
) -> None:
    for tool in language.tools:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed on this host")
    person = make_repository(tmp_path / "cart", language.repository)
    await projects.save(
        services.database,
        ProjectDraft(
            name="cart",
            path=str(person.path),
            test_adapter=language.adapter,
            test_command=language.command,
            python=sys.executable,
            gates=(language.gate,),
        ),
    )
    team = Team(
        developer=[code({language.file: language.bad}), code({language.file: language.good})],
        qa=[review()],
    )
    run = await services.pipelines.create(EPIC, definition="software-small", project="cart")
    await services.pipelines.start(run.id)
    before = person.digest()
    await Shop(services, tmp_path).walk(run, team)

    run = await services.pipelines.get(run.id)
    assert run.state == "succeeded", run.error
    first, second = await results_of(services, run.id)
    assert (first["outcome"], first["tests"], [gate["outcome"] for gate in first["gates"]]) == (
        "failed",
        0,
        ["failed"],
    )
    assert (second["outcome"], [gate["outcome"] for gate in second["gates"]]) == ("passed", ["passed"])
    again = team.asked("developer")[1]
    assert f"{language.finding}" in "\n".join(message.content for message in again.messages)
    assert person.git("show", f"workbench/{run.id}:{language.file}") == language.good.strip()
    assert person.digest() == before


async def results_of(services: Services, run_id: Any) -> list[dict[str, Any]]:
    """The results of every round, the first one first."""
    async with services.database.transaction() as session:
        versions = await artifacts.versions(session, run_id, "test_results")
    return [version.body for version in sorted(versions, key=lambda one: one.version)]
