"""Reads a JUnit file that nobody vouches for, and counts its test cases."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from app.errors import Invalid
from app.workspace.limits import RESULT_BYTES
from app.workspace.output import printable

MESSAGE_CHARACTERS = 2000
NAME_CHARACTERS = 300


@dataclass(frozen=True)
class Case:
    """One `testcase`; `problem` is the text of its failure or error."""

    name: str
    state: str
    """`passed`, `failed`, `error` or `skipped`."""
    problem: str = ""


@dataclass(frozen=True)
class Report:
    cases: tuple[Case, ...]
    claimed_problems: int
    """Failures and errors by the attributes of the suites."""
    claimed_tests: int
    """Tests by the same attributes; may exceed the cases, because pytest counts subtests too."""

    def names(self, *states: str) -> list[str]:
        return [case.name for case in self.cases if case.state in states]


def read(data: bytes) -> Report:
    """Parse without entities, DTD or network. Raises Invalid for what is no JUnit file."""
    if len(data) > RESULT_BYTES:
        raise Invalid(f"the JUnit file is larger than {RESULT_BYTES} bytes")
    try:
        root: Element = fromstring(data, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise Invalid(f"the JUnit file can not be read: {printable(str(error))[:200]}") from error
    if root.tag not in ("testsuites", "testsuite"):
        raise Invalid(f"the file is no JUnit file: its root is {printable(root.tag)[:100]!r}")
    suites = _outer_suites(root)
    return Report(
        cases=tuple(_case(element) for element in root.iter("testcase")),
        claimed_problems=sum(_number(suite, "failures") + _number(suite, "errors") for suite in suites),
        claimed_tests=sum(_number(suite, "tests") for suite in suites),
    )


def _outer_suites(root: Element) -> list[Element]:
    """Suites whose attributes count everything below them once."""
    return [root] if root.tag == "testsuite" or "tests" in root.attrib else root.findall("testsuite")


def _case(element: Element) -> Case:
    parts = (element.get("classname", ""), element.get("name", ""))
    name = printable("::".join(part for part in parts if part) or "(unnamed)")[:NAME_CHARACTERS]
    for tag, state in (("failure", "failed"), ("error", "error")):
        problem = element.find(tag)
        if problem is not None:
            return Case(name, state, _text(problem))
    return Case(name, "passed" if element.find("skipped") is None else "skipped")


def _text(problem: Element) -> str:
    """The message and the end of the trace: the assertion stands at the end."""
    message = printable(problem.get("message", "")).strip()[: MESSAGE_CHARACTERS // 2]
    trace = printable("".join(problem.itertext())).strip()
    if not trace or trace == message:
        return message
    return f"{message}\n{trace[len(message) + 1 - MESSAGE_CHARACTERS :]}".strip()


def _number(element: Element, attribute: str) -> int:
    text = element.get(attribute, "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
