"""A prompt as a file: variables between two lines of ---, the stable part, a mark, the task part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from app.errors import Invalid
from app.prompts.prompt import Prompt
from app.seeding.files import TASK_MARK

FENCE = "---\n"


def read_prompt(path: Path, role: str) -> Prompt:
    """The prompt in the file; the files in seeds/prompts/ fit too. Raises `Invalid` that names the place."""
    try:
        text = path.read_text("utf-8").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"the prompt {path} can not be read: {error}", place="file") from error
    head, body = _split(path, text)
    system, mark, task = body.partition(f"\n{TASK_MARK}\n")
    if not mark:
        raise Invalid(f"{path}: a line {TASK_MARK} must stand between the two parts", place="body")
    if head.get("role", role) != role:
        raise Invalid(f"{path} is a prompt of the role {head['role']!r}, not of {role!r}", place="role")
    return Prompt(role, system.strip(), task.strip(), _variables(path, head))


def write_prompt(prompt: Prompt) -> str:
    head = f"role: {prompt.role}\nvariables: [{', '.join(prompt.variables)}]\n"
    return f"{FENCE}{head}{FENCE}{prompt.system}\n{TASK_MARK}\n{prompt.task}\n"


def _split(path: Path, text: str) -> tuple[dict[str, Any], str]:
    head, fence, body = text.removeprefix(FENCE).partition(f"\n{FENCE}")
    if not text.startswith(FENCE) or not fence:
        raise Invalid(f"{path} must begin with its variables between two lines of ---", place="front matter")
    try:
        values = yaml.safe_load(head)
    except yaml.YAMLError as error:
        raise Invalid(f"{path}: the front matter is no YAML: {error}", place="front matter") from error
    if not isinstance(values, dict):
        raise Invalid(f"{path}: the front matter must be a map of names to values", place="front matter")
    return values, body


def _variables(path: Path, head: dict[str, Any]) -> tuple[str, ...]:
    names = head.get("variables")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Invalid(f"{path}: variables must be a list of names", place="variables")
    return tuple(names)
