"""A change passes when its tests pass, and those of the base commit with them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from app.tables import TestAdapter
from app.workspace.gates.gate import GateSpec
from tests.benches import open_workshop
from tests.unit.adapters.forgeries import BASE

VAT = {"tests/test_vat.py": "def test_vat():\n    pass\n"}
HTML = GateSpec("html", "command", ("*.html",), {"argv": ["grep", "-q", "<p>", "{files}"]})


async def test_the_base_commit_is_tested_once_and_said_to_be(state_root: Path) -> None:
    shop = await open_workshop(state_root, TestAdapter.PYTEST, BASE)
    first = await shop.test(VAT)
    assert (first.verdict.outcome, first.verdict.base_tests, first.verdict.control_tests) == ("passed", 1, 2)
    assert shop.told == ["testing_base", "control_run"]
    second = await shop.test({"README.md": "Prices\n"})
    assert (second.verdict.outcome, second.verdict.base_tests, second.verdict.control_tests) == (
        "passed",
        1,
        None,
    )
    assert shop.told == ["testing_base", "control_run"]
    assert not list(shop.job.folder.parent.glob("base"))


async def test_a_base_commit_whose_tests_fail_asks_only_for_those_that_pass(state_root: Path) -> None:
    broken = {**BASE, "tests/test_broken.py": "def test_broken():\n    assert False\n"}
    shop = await open_workshop(state_root, TestAdapter.PYTEST, broken)
    tested = await shop.test({"tests/test_broken.py": "def test_repaired():\n    pass\n"})
    assert (tested.verdict.outcome, tested.verdict.base_tests) == ("passed", 2)


async def test_a_test_that_has_another_name_each_time_is_not_missing(state_root: Path) -> None:
    unstable = (
        "import pytest, time\n@pytest.mark.parametrize('at', [time.time_ns()])\ndef test_at(at):\n    pass\n"
    )
    shop = await open_workshop(state_root, TestAdapter.PYTEST, {**BASE, "tests/test_at.py": unstable})
    tested = await shop.test({"README.md": "Prices\n"})
    assert (tested.verdict.outcome, tested.verdict.missing) == ("passed", ())


async def test_a_base_commit_that_can_not_be_tested_makes_a_pass_suspect(state_root: Path) -> None:
    litters = "import time\nfor n in range(999):\n    open(f'f{n}', 'w').close()\ntime.sleep(600)\n"
    broken = {**BASE, "shop/price.py": litters}
    shop = await open_workshop(state_root, TestAdapter.PYTEST, broken, sandbox={"files": 100})
    repaired = {"shop/price.py": BASE["shop/price.py"]}
    tested = await shop.test(repaired)
    assert tested.verdict.outcome == "suspect"
    assert "on the base commit the tests made more files than allowed" in tested.verdict.reason
    assert "limits.baseline: false" in tested.verdict.reason
    assert (await shop.test(repaired, baseline=False)).verdict.outcome == "passed"


async def test_base_tests_that_pass_only_with_the_settings_of_the_run_are_suspect(state_root: Path) -> None:
    hides = "def pytest_collection_modifyitems(items):\n    items.sort(key=lambda item: item.name)\n"
    patched = "import shop.price\nshop.price.price = lambda net: net\n"
    shop = await open_workshop(state_root, TestAdapter.PYTEST, BASE)
    honest = await shop.test({"tests/conftest.py": hides})
    assert honest.verdict.outcome == "passed", honest.verdict
    forged = await shop.test({"shop/price.py": "def price(net):\n    return 0\n", "conftest.py": patched})
    assert forged.verdict.outcome == "suspect"
    assert "1 tests pass only with the run's own conftest.py: tests.test_price::test_price" in (
        forged.verdict.reason
    )


async def test_gates_can_be_the_tests(state_root: Path) -> None:
    page = await open_workshop(state_root, TestAdapter.GATES, {"index.html": "<p>"}, gates=(HTML,))
    good = (await page.test({"about.html": "<p>"})).verdict
    assert (good.outcome, good.tests) == ("passed", 1)
    bad = (await page.test({"about.html": "<b>"})).verdict
    assert (bad.outcome, bad.failures, bad.failing[0].name) == ("failed", 1, "gate html")
    assert (await page.test({"README.md": "Pages\n"})).verdict.outcome == "suspect"


@pytest.mark.skipif(shutil.which("mvn") is None, reason="mvn is not installed")
@pytest.mark.skipif(not Path("/usr/share/maven-repo/junit/junit/4.x").exists(), reason="no JUnit for Maven")
@pytest.mark.slow
async def test_maven_tests_without_the_network(state_root: Path) -> None:
    pom = (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>a</groupId><artifactId>shop</artifactId><version>1</version><properties>"
        "<maven.compiler.source>17</maven.compiler.source><maven.compiler.target>17</maven.compiler.target>"
        "</properties><dependencies><dependency><groupId>junit</groupId><artifactId>junit</artifactId>"
        "<version>4.x</version><scope>test</scope></dependency></dependencies></project>"
    )
    java = "import org.junit.Test;\npublic class PriceTest {{ @Test public void price() {{ {} }} }}\n"
    command = ("mvn", "-o", "-B", "-q", "-Dmaven.repo.local=/usr/share/maven-repo", "test")
    files = {"pom.xml": pom, "src/test/java/PriceTest.java": java.format("")}
    shop = await open_workshop(state_root, TestAdapter.MAVEN, files, *command)
    tested = await shop.test(
        {"src/test/java/PriceTest.java": java.format("org.junit.Assert.fail();")}, baseline=False
    )
    assert (tested.verdict.outcome, tested.verdict.tests) == ("failed", 1), tested.verdict
    assert tested.verdict.failing[0].name == "PriceTest::price"
