"""Which route a task takes: the one that is named, else the one that a keyword in its text leads to."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from app.errors import Invalid, unknown
from app.pipelines.route import ANYTHING, Keyword, RouteSpec

By = Literal["task", "critical_keyword", "keyword", "anything"]


@dataclass(frozen=True)
class Chosen:
    """The route of one task, and why it is that one."""

    name: str
    route: RouteSpec
    by: By
    keyword: str | None = None
    """What was found in the text; None: the task was named."""

    @property
    def why(self) -> str:
        match self.by:
            case "task":
                return "the task was named"
            case "critical_keyword":
                return (
                    f"the text says {self.keyword!r}, which is critical and goes before every other keyword"
                )
            case "keyword":
                return f"the text says {self.keyword!r}"
            case "anything":
                return f"no task was named and no keyword found; the keyword {ANYTHING!r} is for any text"
        assert_never(self.by)


def choose(
    text: str, task: str | None, routes: Mapping[str, RouteSpec], keywords: Sequence[Keyword]
) -> Chosen:
    """The route of a task. A name of one, `art-description` or "Art description", goes before the text.

    Keywords are looked for in the order given, those of critical routes first. Raises `NotFound` for an
    unknown task, `Invalid` when nothing leads anywhere.
    """
    if task is not None:
        name = _as_name(task)
        if name not in routes:
            raise unknown("route", task, routes)
        return Chosen(name, routes[name], "task")
    found = [keyword for keyword in keywords if is_in(keyword.keyword, text) and keyword.route in routes]
    critical = [keyword for keyword in found if routes[keyword.route].critical]
    plain = [keyword for keyword in found if keyword.keyword != ANYTHING]
    for candidates in (critical, plain, found):
        if candidates:
            first = candidates[0]
            return Chosen(first.route, routes[first.route], _by(first, routes), first.keyword)
    raise Invalid(
        f"no keyword of the text leads to a route, and no row {ANYTHING!r} is there for any text; "
        "name the task, or add that keyword",
        place="task",
    )


def is_in(keyword: str, text: str) -> bool:
    """Whether the keyword begins at the start of a word, in any case, with any space between its words."""
    if keyword == ANYTHING:
        return True
    words = r"\s+".join(re.escape(word) for word in _folded(keyword).split())
    return re.search(rf"(?<!\w){words}", _folded(text)) is not None


def _by(keyword: Keyword, routes: Mapping[str, RouteSpec]) -> By:
    if keyword.keyword == ANYTHING:
        return "anything"
    return "critical_keyword" if routes[keyword.route].critical else "keyword"


def _folded(text: str) -> str:
    """Letters that look alike in any case are alike."""
    return unicodedata.normalize("NFKC", text).casefold()


def _as_name(task: str) -> str:
    return re.sub(r"[\s_-]+", "-", task.strip().lower())
