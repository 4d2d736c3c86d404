"""What test commands write is read into one form, and a hostile report proves nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.errors import Invalid
from app.tables import TestAdapter
from app.workspace.adapters import ADAPTERS
from app.workspace.sandbox.junit import Report

SUREFIRE = """<?xml version="1.0" encoding="UTF-8"?>
<testsuite xsi:schemaLocation="https://maven.apache.org/surefire/maven-surefire-plugin/xsd"
  xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" name="{0}" tests="2" errors="0" failures="{1}">
  <properties><property name="java.version" value="17"/></properties>
  <testcase name="adds" classname="{0}" time="0.003"/>
  <testcase name="other" classname="{0}" time="0.002">{2}</testcase>
</testsuite>"""


def read(adapter: TestAdapter, data: str | bytes) -> Report:
    return ADAPTERS[adapter].read(data if isinstance(data, bytes) else data.encode())


def lines(*events: dict[str, Any] | str) -> str:
    return "\n".join(event if isinstance(event, str) else json.dumps(event) for event in events)


def go(action: str, test: str = "", package: str = "shop", output: str = "") -> dict[str, Any]:
    return {"Action": action, "Package": package, "Test": test, "Output": output}


def test_the_tests_of_go_are_named_by_package_and_test() -> None:
    report = read(
        TestAdapter.GO,
        lines(
            "# shop/broken",
            go("run", "TestA"),
            go("pass", "TestA"),
            go("run", "TestB"),
            go("output", "TestB", output="    a_test.go:3: wrong\n"),
            go("fail", "TestB"),
            go("skip", "TestC"),
            go("fail"),
        ),
    )
    assert [(case.name, case.state) for case in report.cases] == [
        ("shop::TestA", "passed"),
        ("shop::TestB", "failed"),
        ("shop::TestC", "skipped"),
    ]
    assert report.cases[1].problem == "a_test.go:3: wrong"


def test_a_package_of_go_that_can_not_be_built_is_an_error() -> None:
    report = read(TestAdapter.GO, lines(go("output", output="FAIL\tshop [build failed]\n"), go("fail")))
    assert [(case.name, case.state) for case in report.cases] == [("shop::(package)", "error")]


def test_a_test_of_go_that_never_ended_is_an_error() -> None:
    report = read(TestAdapter.GO, lines(go("run", "TestA"), go("pass")))
    assert [(case.name, case.state) for case in report.cases] == [("shop::TestA", "error")]


def test_a_package_of_go_that_passes_without_a_test_is_hollow() -> None:
    assert read(TestAdapter.GO, lines(go("pass"))).hollow == ("shop",)
    said = go("output", output="ok \tshop\t0.01s [no tests to run]\n")
    assert read(TestAdapter.GO, lines(said, go("pass"))).hollow == ()


@pytest.mark.parametrize("data", ["", "ok shop", "[]", '{"Action": 1, "Package": []}', "{" * 9000, "\0" * 99])
def test_what_is_no_report_of_go_is_refused(data: str) -> None:
    with pytest.raises(Invalid):
        read(TestAdapter.GO, data)


def test_a_report_of_go_that_only_wants_memory_is_given_up() -> None:
    with pytest.raises(Invalid, match="more than 50000 tests"):
        read(TestAdapter.GO, lines(*[go("run", f"T{number}") for number in range(50_002)]))
    with pytest.raises(Invalid, match="larger"):
        read(TestAdapter.GO, b"x" * (8 * 1024 * 1024 + 1))


def test_the_reports_of_all_modules_of_maven_are_one_report() -> None:
    failure = '<failure message="expected:&lt;3&gt;" type="java.lang.AssertionError">at B.java:2</failure>'
    data = SUREFIRE.format("shop.ATest", 0, "<skipped/>") + "\0" + SUREFIRE.format("shop.BTest", 1, failure)
    report = read(TestAdapter.MAVEN, data + "\0")
    assert report.names("passed") == ["shop.ATest::adds", "shop.BTest::adds"]
    assert report.names("failed") == ["shop.BTest::other"]
    assert (report.names("skipped"), report.claimed_tests) == (["shop.ATest::other"], 4)


def test_one_broken_report_of_maven_breaks_all() -> None:
    with pytest.raises(Invalid):
        read(TestAdapter.MAVEN, SUREFIRE.format("shop.ATest", 0, "") + "\0<testsuite>")


def test_the_tests_of_node_are_named_with_the_suites_around_them() -> None:
    data = (
        '<testsuites><testcase name="top" classname="test"/><testsuite name="cart">'
        '<testsuite name="empty"><testcase name="adds" classname="test"/></testsuite></testsuite>'
        '<testcase name="/copy/vat.test.js" classname="test"/></testsuites>'
    )
    report = read(TestAdapter.NODE, data)
    assert report.names("passed") == ["top", "cart > empty > adds", "/copy/vat.test.js"]
    assert report.hollow == ("/copy/vat.test.js",)


@pytest.mark.parametrize(
    ("adapter", "command"),
    [(TestAdapter.GO, ["make"]), (TestAdapter.UNITTEST, ["make"]), (TestAdapter.GATES, [])],
)
def test_a_command_that_an_adapter_can_not_run_is_refused(adapter: TestAdapter, command: list[str]) -> None:
    with pytest.raises(Invalid):
        ADAPTERS[adapter].prepare(command)
