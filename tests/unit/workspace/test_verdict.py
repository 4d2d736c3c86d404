"""What counts as passed: the file, the exit code and the way the run ended have to agree."""

from __future__ import annotations

import json

import pytest

from app.errors import Invalid
from app.workspace.sandbox import junit
from app.workspace.sandbox.execution import Ended, Execution
from app.workspace.sandbox.verdict import Required, Verdict, judge

GOOD = '<testcase classname="test_a" name="test_good"/>'
FAILURE = '<failure message="assert 0">E  assert 0</failure>'
BAD = f'<testcase classname="test_a" name="test_bad">{FAILURE}</testcase>'
BROKEN = '<testcase classname="test_a" name="test_err"><error message="boom"/></testcase>'
SKIPPED = '<testcase classname="test_a" name="test_later"><skipped message="later"/></testcase>'


def suite(*cases: str, attributes: str = "") -> bytes:
    inner = f"<testsuite name='pytest' {attributes}>{''.join(cases)}</testsuite>"
    return f"<testsuites>{inner}</testsuites>".encode()


def execution(
    report: bytes | None, exit_code: int | None = 0, ended: Ended = "exit", output: str = ""
) -> Execution:
    return Execution(exit_code, output, ended, report, duration_s=0.1234567)


def verdict(*cases: str, exit_code: int = 0, attributes: str = "") -> Verdict:
    return judge(execution(suite(*cases, attributes=attributes), exit_code))


def test_good_tests_and_exit_code_0_pass() -> None:
    found = verdict(GOOD, SKIPPED, attributes='tests="2" failures="0" errors="0" skipped="1"')
    assert (found.outcome, found.tests, found.passed, found.skipped) == ("passed", 2, 1, 1)


def test_a_failure_fails_and_names_the_test_and_the_assertion() -> None:
    found = verdict(GOOD, BAD, BROKEN, exit_code=1)
    assert (found.outcome, found.tests, found.failures, found.errors) == ("failed", 3, 1, 1)
    assert [(each.name, each.message) for each in found.failing] == [
        ("test_a::test_bad", "assert 0\nE  assert 0"),
        ("test_a::test_err", "boom"),
    ]


def test_a_failure_fails_even_with_exit_code_0() -> None:
    assert verdict(GOOD, BAD, exit_code=0).outcome == "failed"


@pytest.mark.abuse(72)
def test_exit_code_0_without_a_junit_file_is_suspect() -> None:
    found = judge(execution(None))
    assert (found.outcome, found.reason) == ("suspect", "exit code 0, but no JUnit file was written")


def test_another_exit_code_without_a_junit_file_is_a_failure() -> None:
    assert judge(execution(None, exit_code=4)).outcome == "failed"


@pytest.mark.abuse(72)
def test_no_test_at_all_is_suspect() -> None:
    assert verdict().outcome == "suspect"


@pytest.mark.abuse(72)
def test_only_skipped_tests_are_suspect() -> None:
    found = verdict(SKIPPED, SKIPPED)
    assert (found.outcome, found.reason) == ("suspect", "every test was skipped")


def test_good_tests_and_another_exit_code_fail_with_the_reason() -> None:
    found = verdict(GOOD, exit_code=3)
    assert (found.outcome, found.reason) == ("failed", "exit code 3, although no test is reported as failing")


def test_no_tests_and_another_exit_code_fail_with_the_reason() -> None:
    assert verdict(exit_code=5).reason == "exit code 5; no tests were found"


@pytest.mark.parametrize("ended", ["timeout", "cpu", "memory", "files"])
def test_a_run_that_a_limit_stopped_fails_whatever_it_reported(ended: Ended) -> None:
    found = judge(execution(suite(GOOD), exit_code=None, ended=ended))
    assert found.outcome == "failed"
    assert found.reason.startswith("the tests ")


def test_attributes_that_count_failures_the_cases_do_not_show_are_suspect() -> None:
    assert verdict(GOOD, attributes='tests="2" failures="1"').outcome == "suspect"


def test_attributes_that_count_fewer_tests_than_shown_are_suspect() -> None:
    assert verdict(GOOD, GOOD, attributes='tests="1"').outcome == "suspect"


def test_attributes_may_count_more_tests_because_pytest_counts_subtests() -> None:
    assert verdict(GOOD, attributes='tests="4"').outcome == "passed"


def test_nested_suites_are_counted_by_their_cases() -> None:
    inner = f"<testsuite tests='1'>{GOOD}</testsuite><testsuite>{GOOD}</testsuite>"
    found = judge(execution(f"<testsuite tests='2'>{inner}</testsuite>".encode()))
    assert (found.outcome, found.tests) == ("passed", 2)


def test_a_test_that_passed_before_and_is_gone_or_skipped_makes_a_pass_suspect() -> None:
    ran = execution(suite(GOOD, SKIPPED))
    assert judge(ran, required=Required(1, ("test_a::test_good",))).outcome == "passed"
    found = judge(ran, required=Required(2, ("test_a::test_good", "test_a::test_later", "test_b::test_gone")))
    assert found.outcome == "suspect"
    assert (
        found.reason == "2 tests that passed before did not pass now: test_a::test_later, test_b::test_gone"
    )


LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><testsuite><testcase name="&b;"/></testsuite>'
OUTSIDE = (
    b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><testsuite><testcase name="&a;"/></testsuite>'
)
HOSTILE = {
    "entities": LAUGHS,
    "a file from outside": OUTSIDE,
    "half a file": suite(GOOD)[:-10],
    "no XML": b"all tests passed",
    "another document": b"<html><testcase/></html>",
    "an unknown encoding": b'<?xml version="1.0" encoding="nonsense"?><testsuite/>',
    "NUL": b"\0\0\0\0",
}


@pytest.mark.abuse(73)
@pytest.mark.parametrize("report", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_or_broken_file_proves_nothing(report: bytes) -> None:
    assert judge(execution(report)).outcome == "suspect"
    assert judge(execution(report, exit_code=1)).outcome == "failed"


@pytest.mark.abuse(73)
def test_a_file_over_8_mib_is_not_parsed() -> None:
    with pytest.raises(Invalid, match="larger"):
        junit.read(b" " * (8 * 1024 * 1024 + 1))


@pytest.mark.abuse(73)
@pytest.mark.parametrize(
    ("report", "said"),
    [
        (b"<testsuites>" + b"<testsuite>" * 700_000, "nested deeper"),
        (b"<testsuite>" + b"<testcase/>" * 700_000 + b"</testsuite>", "more than 50000 tests"),
    ],
)
def test_a_file_that_only_wants_memory_is_given_up_early(report: bytes, said: str) -> None:
    found = judge(execution(report))
    assert found.outcome == "suspect"
    assert said in found.reason


def test_totals_at_the_root_are_not_counted_twice() -> None:
    inner = f"<testsuite tests='1'>{GOOD}</testsuite><testsuite tests='1'>{GOOD}</testsuite>"
    for root in ("<testsuites>", "<testsuites tests='2'>"):
        assert junit.read(f"{root}{inner}</testsuites>".encode()).claimed_tests == 2


def test_what_else_stands_in_a_file_does_not_matter() -> None:
    extra = "<properties><property name='a'/></properties><system-out>failure</system-out>"
    assert verdict(extra, GOOD, extra).outcome == "passed"


def test_at_most_20_failing_tests_are_listed_with_short_messages() -> None:
    long = f"<testcase name='t'><failure message='assert 1 == 2'>{'x' * 9000} the end</failure></testcase>"
    found = verdict(*[long] * 30, exit_code=1)
    assert (found.failures, len(found.failing)) == (30, 20)
    message = found.failing[0].message
    assert len(message) <= 2000
    assert message.startswith("assert 1 == 2\nx")
    assert message.endswith("the end")


@pytest.mark.abuse(66)
def test_names_and_messages_can_not_command_a_terminal() -> None:
    case = "<testcase name='a&#x202e;b'><failure message='&#x9b;2J'/></testcase>"
    failing = verdict(case, exit_code=1).failing[0]
    assert (failing.name, failing.message) == ("a\\u202eb", "\\x9b2J")


def test_the_artifact_is_plain_json_with_the_end_of_the_output() -> None:
    body = judge(execution(suite(GOOD, BAD), 1, output="ä" * 5000)).as_json()
    assert json.loads(json.dumps(body)) == body
    assert list(body) == [
        *("outcome", "tests", "passed", "failures", "errors", "skipped", "failing", "reason"),
        *("exit_code", "ended", "duration_s", "output_tail"),
        *("base_tests", "control_tests", "missing", "missing_total"),
    ]
    assert body["failing"] == [{"name": "test_a::test_bad", "message": "assert 0\nE  assert 0"}]
    assert (body["duration_s"], len(body["output_tail"])) == (0.123, 2000)


def test_the_verdict_says_when_there_was_no_sandbox() -> None:
    ran = Execution(0, "", "exit", suite(GOOD), 0.1, unsandboxed=True)
    assert judge(ran).reason == "1 tests passed (ran without a sandbox)"
