"""What can go wrong with a template."""

from __future__ import annotations

from typing import Any

from app.errors import WorkbenchError


class TemplateError(WorkbenchError):
    """A template that can not be used; details: `name`, `line` (None if unknown), `reason`."""

    status = 422
    code = "template_error"

    def __init__(self, name: str, reason: str, line: int | None = None, **details: Any) -> None:
        place = f"template {name!r}" if line is None else f"template {name!r}, line {line}"
        super().__init__(f"{place}: {reason}", name=name, line=line, reason=reason, **details)
        self.name, self.reason, self.line = name, reason, line
