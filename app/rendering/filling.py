"""Compiles, fills and checks a template. Runs as it is only in a limited process or for shipped templates."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from jinja2 import Template, TemplateSyntaxError, nodes
from jinja2.meta import find_undeclared_variables

from app.rendering.environment import Sandbox
from app.rendering.errors import TemplateError

MAX_OUTPUT_BYTES = 1024 * 1024
_ENVIRONMENT = Sandbox()
_FILENAME = "<template>"
_REFUSED = {
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "from ... import",
    nodes.Extends: "extends",
    nodes.ScopedEvalContextModifier: "autoescape",
}


def compiled(source: str, name: str) -> Template:
    """The template, ready to fill. Raises `TemplateError` with the line."""
    try:
        tree = _ENVIRONMENT.parse(source)
        _refuse_tags(tree, name)
        return _ENVIRONMENT.from_string(tree)
    except TemplateError:
        raise
    except Exception as error:
        raise _explained(error, name) from None


def fill(template: Template, variables: Mapping[str, Any], name: str) -> str:
    """The text. Raises `TemplateError` with the line; output past the limit stops it at once."""
    pieces = []
    size = 0
    try:
        for piece in template.generate(variables):
            size += len(piece.encode())
            if size > MAX_OUTPUT_BYTES:
                break
            pieces.append(piece)
    except Exception as error:
        raise _explained(error, name) from None
    if size > MAX_OUTPUT_BYTES:
        raise TemplateError(name, f"makes more than {MAX_OUTPUT_BYTES // 1024} KiB of text")
    return "".join(pieces)


def check(source: str, variables: Mapping[str, Any], declared: Collection[str], name: str) -> str:
    """The text filled with sample values. Raises `TemplateError` also for a variable nobody declared."""
    template = compiled(source, name)
    tree = _ENVIRONMENT.parse(source)
    if stray := find_undeclared_variables(tree) - set(declared):
        line, variable = min(
            (node.lineno, node.name) for node in tree.find_all(nodes.Name) if node.name in stray
        )
        names = ", ".join(sorted(declared)) or "none"
        reason = f"variable {variable!r} is not declared; declared are: {names}"
        raise TemplateError(name, reason, line, variable=variable)
    return fill(template, variables, name)


def _refuse_tags(tree: nodes.Template, name: str) -> None:
    for node in tree.find_all(tuple(_REFUSED)):
        raise TemplateError(name, f"{{% {_REFUSED[type(node)]} %}} is not allowed", node.lineno)


def _explained(error: Exception, name: str) -> TemplateError:
    if isinstance(error, TemplateSyntaxError):
        return TemplateError(name, error.message or "syntax error", error.lineno)
    line = _line(error)
    if isinstance(error, RecursionError):
        return TemplateError(name, "is nested too deeply", line)
    if isinstance(error, MemoryError):
        return TemplateError(name, "needs too much memory", line)
    return TemplateError(name, str(error)[:300] or type(error).__name__, line)


def _line(error: Exception) -> int | None:
    """Where in the template it happened; the frames of a template carry its own lines."""
    line = None
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == _FILENAME:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line
