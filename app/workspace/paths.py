"""Which paths a run may write: lexical rules that refuse whatever some system would read differently."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from fnmatch import fnmatchcase

from app.workspace.control import control_reason
from app.workspace.files import UnsafePath

MAX_SEGMENT_BYTES = 255
MAX_PATH_BYTES = 1_024
MAX_DEPTH = 32

_LOOKALIKES = frozenset(
    "\u2024\u2025\u2026\u2044\u2215\u2216\u2571\u2572\u27cb\u27cd\u29f5\u29f8\u29f9\ufe52\ufe55\ufe68\uff0e\uff0f\uff1a\uff3c"
    "\uff61"
)
"""Characters that look like a dot, a slash, a backslash or a colon, or become one when normalised."""
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Letters and marks that are shown as nothing, beside the characters of the categories C and Z."""
_DEVICES = re.compile(r"(con|prn|aux|nul|clock\$|conin\$|conout\$|(com|lpt)[0-9])\s*(\.|$)")
_SHORT_NAME = re.compile(r"~[0-9]+(\.|$)")
_PERCENT = re.compile(r"%[0-9a-fA-F]{2}")


def check_path(path: str, *, permitted: frozenset[str] = frozenset()) -> str:
    """The normalised relative POSIX path. Raises `UnsafePath`.

    `permitted` holds exact paths or bare file names of control files that the project lets a run write.
    """
    _check_characters(path)
    _check_shape(path)
    segments = [segment for segment in path.split("/") if segment != "."]
    if not segments or "" in segments:
        raise UnsafePath(path, "empty", "a path needs a name between its slashes")
    if len(segments) > MAX_DEPTH:
        raise UnsafePath(path, "too_deep", f"it is {len(segments)} folders deep; {MAX_DEPTH} are allowed")
    for segment in segments:
        _check_segment(path, segment)
    clean = "/".join(segments)
    _check_control(clean, permitted)
    return clean


def check_protected(path: str, protected: Sequence[str]) -> None:
    """Raises `UnsafePath` when a pattern covers the path, one of its folders, or (without a slash) a name.

    `*` also crosses slashes, and case does not count: a pattern protects rather more than less.
    """
    segments = fold(path).split("/")
    prefixes = ["/".join(segments[: n + 1]) for n in range(len(segments))]
    for pattern in protected:
        wanted = fold(pattern.strip().removeprefix("./").strip("/").removesuffix("/**").removeprefix("**/"))
        if not wanted:
            continue
        candidates = prefixes if "/" in wanted else [*prefixes, *segments]
        forms = (wanted, wanted.replace("/**/", "/"))
        if any(fnmatchcase(candidate, form) for candidate in candidates for form in forms):
            raise UnsafePath(path, "protected", f"the project protects '{pattern}'")


def fold(text: str) -> str:
    """The form in which two names are the same file on some file system."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _check_characters(path: str) -> None:
    for character in path:
        category = unicodedata.category(character)
        if category == "Cs":
            raise UnsafePath(path, "lone_surrogate", "it has a lone surrogate")
        if category[0] == "C" or category in ("Zl", "Zp") or _INVISIBLE.match(character):
            raise UnsafePath(
                path, "control_character", f"it has the invisible character U+{ord(character):04X}"
            )
        if character in _LOOKALIKES or (category == "Zs" and character != " "):
            raise UnsafePath(path, "lookalike", f"U+{ord(character):04X} looks like another character")


def _check_shape(path: str) -> None:
    if len(path.encode("utf-8")) > MAX_PATH_BYTES:
        raise UnsafePath(path, "too_long", f"it is longer than {MAX_PATH_BYTES} bytes")
    if "\\" in path:
        raise UnsafePath(path, "backslash", "folders are separated by forward slashes")
    if path.startswith(("/", "~")):
        raise UnsafePath(path, "absolute", "it must be relative to the root of the repository")
    if _PERCENT.search(path):
        raise UnsafePath(path, "encoded", "it is URL-encoded")
    if any(character in ':*?"<>|' for character in path):
        raise UnsafePath(path, "reserved_character", 'the characters : * ? " < > | are not portable')


def _check_segment(path: str, segment: str) -> None:
    folded = fold(segment)
    if segment == "..":
        raise UnsafePath(path, "traversal", "it leaves its folder")
    if segment.startswith("-"):
        raise UnsafePath(path, "option_like", "a name that starts with '-' reads as an option")
    if segment.endswith((".", " ")) or segment.startswith(" "):
        raise UnsafePath(
            path, "not_portable", "a name may not start with a space or end with a space or a dot"
        )
    if ".git" in (folded, segment.upper().lower()):
        raise UnsafePath(path, "git_directory", "it is inside a git directory")
    if _SHORT_NAME.search(folded):
        raise UnsafePath(path, "short_name", "it reads as the short name of another file")
    if _DEVICES.match(folded):
        raise UnsafePath(path, "reserved_name", "Windows reserves this name")
    if len(segment.encode("utf-8")) > MAX_SEGMENT_BYTES:
        raise UnsafePath(path, "too_long", f"one of its names is longer than {MAX_SEGMENT_BYTES} bytes")


def _check_control(path: str, permitted: frozenset[str]) -> None:
    if path in permitted or path.rpartition("/")[2] in permitted:
        return
    found = control_reason(fold(path))
    if found is not None:
        reason, why = found
        raise UnsafePath(path, reason, f"{why}; the definition or the project has to permit it")
