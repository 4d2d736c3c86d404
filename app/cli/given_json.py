"""JSON as a person gives it: the text itself, or `@FILE`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from app.errors import Invalid
from app.llm.strict_json import BadJSON, loads


def read_object(given: str, what: str) -> dict[str, Any]:
    """Raises `Invalid` unless it is one JSON object."""
    try:
        found = loads(Path(given[1:]).read_text("utf-8") if given.startswith("@") else given)
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{what} in {given[1:]} can not be read: {error}") from error
    except BadJSON as error:
        raise Invalid(f"{what} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise Invalid(f"{what} has to be a JSON object, such as {{}}")
    return found


def read_code(given: Iterable[str]) -> dict[str, Any]:
    """An artifact `code` of the files `PATH=@FILE`, each; empty for none. Raises `Invalid`."""
    files = []
    for text in given:
        path, equals, source = text.partition("=@")
        if not equals or not path or not source:
            raise Invalid(f"--inject {text!r}: write PATH=@FILE, the path as in the repository")
        try:
            content = Path(source).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Invalid(f"{source} can not be read: {error}") from error
        lists: dict[str, list[str]] = {name: [] for name in ("imports", "classes", "functions")}
        files.append({"path": path, "content": content, **lists, "tests_required": []})
    if not files:
        return {}
    return {"files": files, "test_files": [], "migration_scripts": [], "dependencies": []}


def read_artifacts(given: Iterable[str]) -> dict[str, dict[str, Any]]:
    """`name=@FILE` or `name={…}`, each. Raises `Invalid`."""
    found: dict[str, dict[str, Any]] = {}
    for text in given:
        name, equals, body = text.partition("=")
        if not equals or not name:
            raise Invalid(f"--artifact {text!r}: write NAME=@FILE, or NAME=JSON")
        if name in found:
            raise Invalid(f"--artifact {name} is given twice")
        found[name] = read_object(body, f"the artifact {name}")
    return found
