"""The failing parts of what the tests said: once each, the assertion and the last frames."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

MAX_FAILING = 20
MAX_LINES = 14
"""Of one failing test."""
MAX_CHARS = 1_200
TAIL_CHARS = 1_500
"""Of the output, where no test is known to fail."""
MAX_FILES = 12

_FRAME = re.compile(
    r"""(?:File\s+"|^|[\s(])(?P<path>[\w./-]+\.\w{1,5})(?:",\s+line\s+|:)(?P<line>\d+)""", re.MULTILINE
)
_TELLING = re.compile(r"^(E\s|>\s|\s*(assert|raise)\b)|(Error|Exception|Expected|expected|panic|FAIL)\b")


def failing_parts(results: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What a model needs to mend: no output where the failing tests say it already."""
    if results is None:
        return None
    kept = {name: value for name, value in results.items() if name not in ("failing", "output_tail")}
    seen: dict[str, str] = {}
    failing = [_once(test, seen) for test in results.get("failing", ())[:MAX_FAILING]]
    found = {**kept, "failing": failing}
    if not failing and results.get("outcome") != "passed":
        found["output_tail"] = results.get("output_tail", "")[-TAIL_CHARS:]
    return found


def without_failing(issues: Sequence[dict[str, Any]], results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The issues without those that `failing_parts` tells."""
    told = {f"{test['name']}: {test['message']}" for test in results.get("failing", ())[:MAX_FAILING]}
    return [issue for issue in issues if issue.get("source") != "test" or issue["text"] not in told]


def files_involved(results: Mapping[str, Any] | None) -> list[str]:
    """Paths in the traces of failing tests, the last frames first; whether they exist is not known here."""
    failing = (results or {}).get("failing", ())[:MAX_FAILING]
    texts = [test["message"] for test in failing] or [(results or {}).get("output_tail", "")]
    found = [frame["path"] for text in texts for frame in reversed(list(_FRAME.finditer(text)))]
    inside = [path.removeprefix("./") for path in found if not path.startswith(("/", "../"))]
    return list(dict.fromkeys(inside))[:MAX_FILES]


def _once(test: Mapping[str, str], seen: dict[str, str]) -> dict[str, str]:
    """A test that fails as another one does names that one."""
    excerpt = _excerpt(test["message"])
    if (same := seen.setdefault(excerpt, test["name"])) != test["name"]:
        excerpt = f"as {same}"
    return {"name": test["name"], "message": excerpt}


def _excerpt(message: str) -> str:
    """The first line, the telling lines, and the end, in their order."""
    lines = message.splitlines()
    if len(lines) <= MAX_LINES:
        return message[:MAX_CHARS]
    wanted = {0, *range(len(lines) - 4, len(lines))}
    for number, line in reversed(list(enumerate(lines))):
        if len(wanted) >= MAX_LINES:
            break
        if _TELLING.search(line) or _FRAME.search(line):
            wanted.add(number)
    kept: list[str] = []
    for number in sorted(wanted):
        if kept and number - 1 not in wanted:
            kept.append("…")
        kept.append(lines[number])
    return "\n".join(kept)[:MAX_CHARS]
