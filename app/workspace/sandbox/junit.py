"""Reads a JUnit file that nobody vouches for, and counts its test cases."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Literal
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from app.errors import Invalid
from app.workspace.sandbox.limits import RESULT_BYTES
from app.workspace.sandbox.output import printable

DEPTH = 50
CASES = 50_000
MESSAGE_CHARACTERS = 2000
NAME_CHARACTERS = 300

NameOf = Callable[[Element, Sequence[Element]], str]
"""The name of a `testcase` and the elements around it."""


State = Literal["passed", "failed", "error", "skipped"]


@dataclass(frozen=True, slots=True)
class Case:
    """One test; `problem` is the text of its failure or error."""

    name: str
    state: State
    problem: str = ""


@dataclass(frozen=True)
class Report:
    cases: tuple[Case, ...]
    claimed_problems: int
    """Failures and errors by the attributes of the suites."""
    claimed_tests: int
    """Tests by the same attributes; may exceed the cases, because pytest counts subtests too."""
    hollow: tuple[str, ...] = ()
    """Passed cases behind which no test was seen, such as a file of which only the exit code is known."""

    def names(self, *states: str) -> list[str]:
        return [case.name for case in self.cases if case.state in states]


def case(name: str, state: State, problem: str = "") -> Case:
    """A case whose name can be shown anywhere."""
    return Case(printable(name or "(unnamed)")[:NAME_CHARACTERS], state, problem)


def class_and_name(element: Element, above: Sequence[Element]) -> str:
    return "::".join(part for part in (element.get("classname", ""), element.get("name", "")) if part)


def read(data: bytes, name_of: NameOf = class_and_name) -> Report:
    """Parse without entities, DTD or network. Raises Invalid for what is no JUnit file."""
    if len(data) > RESULT_BYTES:
        raise Invalid(f"the JUnit file is larger than {RESULT_BYTES} bytes")
    try:
        return _report(iterparse(BytesIO(data), events=("start", "end"), forbid_dtd=True), name_of)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise Invalid(f"the JUnit file can not be read: {printable(str(error))[:200]}") from error


def _report(events: Iterable[tuple[str, Element]], name_of: NameOf) -> Report:
    """Count while reading and drop what was counted: a hostile file must not fill the memory."""
    cases: list[Case] = []
    above: list[Element] = []
    suites: list[dict[str, str]] = []
    for event, element in events:
        if event == "start":
            _require_sane(element, above, cases)
            if _counts_all(element, above):
                suites.append(dict(element.attrib))
            above.append(element)
            continue
        above.pop()
        if element.tag == "testcase":
            cases.append(case(name_of(element, above), *_state(element)))
        if above and not any(outer.tag == "testcase" for outer in above):
            above[-1].remove(element)
    problems = sum(_number(suite, "failures") + _number(suite, "errors") for suite in suites)
    return Report(tuple(cases), problems, sum(_number(suite, "tests") for suite in suites))


def _require_sane(element: Element, above: list[Element], cases: list[Case]) -> None:
    if not above and element.tag not in ("testsuites", "testsuite"):
        raise Invalid(f"the file is no JUnit file: its root is {printable(element.tag)[:100]!r}")
    if len(above) >= DEPTH:
        raise Invalid(f"the JUnit file is nested deeper than {DEPTH} elements")
    if len(cases) >= CASES:
        raise Invalid(f"the JUnit file holds more than {CASES} tests")


def _counts_all(element: Element, above: list[Element]) -> bool:
    """Whether its attributes count all below it, and no suite around it did so already."""
    if not above:
        return element.tag == "testsuite" or "tests" in element.attrib
    root = above[0]
    return len(above) == 1 and element.tag == "testsuite" and not _counts_all(root, [])


def _state(element: Element) -> tuple[State, str]:
    if (problem := element.find("failure")) is not None:
        return "failed", _text(problem)
    if (problem := element.find("error")) is not None:
        return "error", _text(problem)
    return ("passed" if element.find("skipped") is None else "skipped"), ""


def _text(problem: Element) -> str:
    """The message and the end of the trace: the assertion stands at the end."""
    message = printable(problem.get("message", "")).strip()[: MESSAGE_CHARACTERS // 2]
    trace = printable("".join(problem.itertext())).strip()
    if not trace or trace == message:
        return message
    return f"{message}\n{trace[len(message) + 1 - MESSAGE_CHARACTERS :]}".strip()


def _number(suite: Mapping[str, str], attribute: str) -> int:
    text = suite.get(attribute, "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
