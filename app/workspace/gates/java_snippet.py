"""Makes a piece of Java into a file that the compiler takes: its class, its imports, its name."""

from __future__ import annotations

import re
from typing import Literal

from app.workspace.gates.snippet import Line, Part, Whole, added, code_of, parts, whole

MODIFIERS = r"(?:(?:public|protected|private|static|abstract|final|sealed|non-sealed|strictfp)\s+)*"
ANNOTATIONS = r"(?:@\w[\w.]*(?:\s*\([^)]*\))?\s*)*"
TYPE = re.compile(rf"{ANNOTATIONS}{MODIFIERS}(?:class|interface|enum|record|@interface)\s+\w+")
PUBLIC = re.compile(
    r"^public\s+(?:(?:static|abstract|final|sealed|non-sealed|strictfp)\s+)*"
    r"(?:class|interface|enum|record|@interface)\s+(\w+)",
    re.MULTILINE,
)
PACKAGE = re.compile(r"^\s*package\s+([\w.]+)\s*;", re.MULTILINE)
KEYWORDS = "if|for|while|do|switch|try|else|catch|finally|return|new|throw|synchronized|assert|yield"
METHOD = re.compile(
    rf"{ANNOTATIONS}(?!(?:{KEYWORDS})\b)"
    r"(?:(?:public|protected|private|static|abstract|final|synchronized|default)\s+)*"
    r"(?:<[^(){}]*>\s*)?[\w.]+(?:\s*<[^(){}]*>)?(?:\s*\[\s*\])*\s+\w+\s*\([^{};]*\)\s*(?:throws\s+[\w.,\s]+)?\{"
)
VARIABLE = re.compile(
    rf"{ANNOTATIONS}(?:final\s+)?(?!(?:{KEYWORDS}|var)\b)"
    r"[\w.]+(?:\s*<[^;={}]*>)?(?:\s*\[\s*\])*\s+\w+\s*(?:\[\s*\]\s*)*[=;,]"
)
"""In a method or in a class."""
FIELD = re.compile(rf"{ANNOTATIONS}(?:public|protected|private|static)\s")
COMPLETE = re.compile(r"[;}]\Z")
Kind = Literal["header", "type", "member", "variable", "statement"]
COMMON = (
    *("java.io.*", "java.math.*", "java.nio.file.*", "java.time.*", "java.util.*"),
    *("java.util.concurrent.*", "java.util.function.*", "java.util.regex.*", "java.util.stream.*"),
)


def package_of(text: str) -> str | None:
    found = PACKAGE.search(code_of(text))
    return found[1] if found else None


def public_class(text: str) -> str | None:
    """The type that says how its file is called."""
    found = PUBLIC.search(code_of(text))
    return found[1] if found else None


def has_class(text: str) -> bool:
    """Whether there are only types, and so nothing is missing around them."""
    return all(_kind(part) in ("header", "type") for part in parts(text, COMPLETE) if part.code)


def with_class(text: str, name: str) -> Whole:
    """Methods and fields become those of a class, statements the body of a method; types stay beside it."""
    given: dict[Kind, list[Line]] = {"header": [], "type": [], "member": [], "statement": []}
    every = [(_kind(part), part) for part in parts(text, COMPLETE)]
    acts = any(kind == "statement" for kind, part in every if part.code)
    for kind, part in every:
        # beside statements a variable is one of theirs: in a class it would hide that it is declared twice
        place = kind if kind != "variable" else "statement" if acts else "member"
        given[place] += part.lines
    stated = given["statement"]
    return whole(
        [
            *given["header"],
            *added(*(f"import {name};" for name in COMMON)),
            *given["type"],
            *added(f"class {name} {{"),
            *given["member"],
            *([*added("void snippet() throws Exception {"), *stated, *added("}")] if stated else []),
            *added("}"),
        ]
    )


def _kind(part: Part) -> Kind:
    code = part.code
    if code.startswith(("import ", "package ")):
        return "header"
    if TYPE.match(code):
        return "type"
    if METHOD.match(code) or FIELD.match(code):
        return "member"
    return "variable" if VARIABLE.match(code) else "statement"
