"""What a rework is told of failing tests: each once, its assertion and last frames."""

from __future__ import annotations

from app.pipelines.failures import failing_parts, files_involved, without_failing

TRACE = (
    "AssertionError: assert 'a' == 'A'\n"
    + "".join(f"    setup line {n}\n" for n in range(60))
    + "tests/test_shout.py:9: \n"
    + "".join(f"    more of it {n}\n" for n in range(40))
    + ">       raise Bad(name)\nE       shop.errors.Bad: nobody\n\nshop/greeting.py:17: Bad"
)


def results(*messages: str) -> dict:  # type: ignore[type-arg]
    failing = [{"name": f"test_{n}", "message": message} for n, message in enumerate(messages)]
    return {"outcome": "failed", "failing": failing, "output_tail": "\n".join(messages), "reason": "r"}


def test_the_assertion_and_the_last_frames_are_kept_and_the_output_is_not_repeated() -> None:
    found = failing_parts(results(TRACE))
    assert found is not None
    [test] = found["failing"]
    assert test["message"].splitlines() == [
        "AssertionError: assert 'a' == 'A'",
        "…",
        "tests/test_shout.py:9: ",
        "…",
        ">       raise Bad(name)",
        "E       shop.errors.Bad: nobody",
        "",
        "shop/greeting.py:17: Bad",
    ]
    assert "output_tail" not in found
    assert found["reason"] == "r"


def test_the_same_failure_is_told_once() -> None:
    found = failing_parts(results(TRACE, TRACE, "E   other"))
    assert found is not None
    assert [test["message"] for test in found["failing"]][1:] == ["as test_0", "E   other"]


def test_the_output_is_told_where_no_test_is_known_to_fail() -> None:
    found = failing_parts(results() | {"output_tail": "x" * 9_000 + "SyntaxError"})
    assert found is not None
    assert found["output_tail"].endswith("SyntaxError")
    assert len(found["output_tail"]) == 1_500
    assert failing_parts(None) is None
    passed = failing_parts({"outcome": "passed", "failing": [], "output_tail": "x"})
    assert passed == {"outcome": "passed", "failing": []}


def test_issues_that_only_repeat_failing_tests_go_and_others_stay() -> None:
    issues = [
        {"source": "test", "text": "test_0: m"},
        {"source": "test", "text": "test_9: gone"},
        {"source": "qa", "text": "test_0: m"},
    ]
    assert without_failing(issues, results("m")) == issues[1:]


def test_files_of_the_last_frames_come_first_and_only_those_of_the_repository() -> None:
    more = 'File "/usr/lib/python3/x.py", line 3\nFile "./app/a.py", line 5\n  at run (web/cart.ts:10:2)'
    assert files_involved(results(TRACE, more)) == [
        "shop/greeting.py",
        "tests/test_shout.py",
        "web/cart.ts",
        "app/a.py",
    ]
    assert files_involved(None) == []
