"""The sandbox in which templates run: plain JSON values, chosen filters, nothing that allocates at will."""

from __future__ import annotations

from typing import Any

from jinja2 import StrictUndefined, Undefined
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment, safe_range

from app.rendering import filters

_FROM_JINJA = (
    "abs capitalize count d default dictsort first float groupby int items join last length list lower map "
    "max min reject rejectattr reverse round select selectattr sort string sum title trim truncate unique "
    "upper wordcount"
)
_OURS = {
    "code": filters.code,
    "deeper": filters.deeper,
    "fence": filters.fence,
    "indent": filters.indent,
    "md": filters.md,
    "replace": filters.replace,
    "tojson": filters.tojson,
}
_OF_STRINGS = (
    "capitalize casefold count endswith find isalnum isalpha isdigit isspace lower lstrip "
    "partition removeprefix removesuffix rpartition rsplit rstrip split splitlines startswith strip upper"
)
_ATTRIBUTES: dict[type | tuple[type, ...], frozenset[str]] = {
    str: frozenset(_OF_STRINGS.split()),
    dict: frozenset({"get", "items", "keys", "values"}),
    (list, tuple): frozenset({"count", "index", "grouper", "list"}),
    (int, float, bytes): frozenset(),
}
_BIGGEST = 2**63


class Sandbox(ImmutableSandboxedEnvironment):
    """For prompts and Markdown: nothing is escaped, no loader, an undefined variable is an error.

    Loops can still run for ever and values can still add up: limits on a process end those.
    """

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(
            undefined=StrictUndefined,
            autoescape=False,
            loader=None,
            keep_trailing_newline=True,
            trim_blocks=True,
            lstrip_blocks=True,
            cache_size=0,
        )
        self.globals = {"range": safe_range}
        self.filters = {name: FILTERS[name] for name in _FROM_JINJA.split()} | _OURS

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A key of the data wins over a method of the same name."""
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        for kind, names in _ATTRIBUTES.items():
            if isinstance(obj, kind):
                return attr in names
        return super().is_safe_attribute(obj, attr, value)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """`*` and `%` for numbers of ordinary size; `**` never."""
        if operator == "**":
            raise SecurityError("** is not allowed")
        for value in (left, right):
            if not isinstance(value, (int, float, Undefined)):
                raise SecurityError(f"{operator} takes numbers only, not {type(value).__name__}")
            if isinstance(value, int) and abs(value) > _BIGGEST:
                raise SecurityError(f"{operator} takes no number that large")
        return super().call_binop(context, operator, left, right)
