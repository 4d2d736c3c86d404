"""Makes a piece of Go without a module, and perhaps without a package, into what the compiler takes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.workspace.gates.snippet import Line, Whole, added, code_of, parts, whole

PACKAGE = re.compile(r"^[ \t]*package[ \t]+(\w+)", re.MULTILINE)
MAIN = re.compile(r"^func\s+main\s*\(", re.MULTILINE)
DECLARATION = re.compile(r"(?:func\s+[\w(]|type\b)")
VARIABLE = re.compile(r"(?:var|const)\b")
COMPLETE = re.compile(r"(?:\+\+|--|[^-+*/%&|^<>=!,.\s])\Z")
"""A line that ends with an operator goes on in the next."""
STANDARD = (
    *("archive/tar", "archive/zip", "bufio", "bytes", "compress/gzip", "container/heap", "container/list"),
    *("container/ring", "context", "crypto/hmac", "crypto/md5", "crypto/sha1", "crypto/sha256"),
    *("crypto/sha512", "database/sql", "encoding/base64", "encoding/binary", "encoding/csv"),
    *("encoding/hex", "encoding/json", "encoding/xml", "errors", "flag", "fmt", "html", "io", "io/fs"),
    *("log", "math", "math/big", "math/bits", "math/rand", "mime", "net", "net/http"),
    *("net/http/httptest", "net/netip", "net/url", "os", "os/exec", "os/signal", "path"),
    *("path/filepath", "reflect", "regexp", "runtime", "runtime/debug", "sort", "strconv", "strings"),
    *("sync", "sync/atomic", "syscall", "testing", "text/tabwriter", "text/template", "time"),
    *("unicode", "unicode/utf8", "unsafe"),
)
"""Packages whose last word says which one is meant."""
MODULE = "module snippet\n\ngo 1.18\n"
"""The version lets older compilers build it; generics came with it."""
MAIN_FILE = "package main\n\nfunc main() {}\n"


def package_of(text: str) -> str | None:
    found = PACKAGE.search(code_of(text))
    return found[1] if found else None


def has_main(text: str) -> bool:
    return bool(MAIN.search(code_of(text)))


def with_package(text: str) -> Whole:
    """A piece without a package: its statements go into a function, what it uses is imported."""
    imports, declared, stated = _sorted(text)
    return whole(
        [
            *added(f"package {'main' if has_main(text) else 'snippet'}"),
            *imports,
            *added(*(f'import "{path}"' for path in missing_imports(text))),
            *declared,
            *([*added("func _() {"), *stated, *added("}")] if stated else []),
        ]
    )


def missing_imports(text: str) -> Iterator[str]:
    """Standard packages that the code obviously uses: `name.Exported`, and the name never as a variable."""
    code = code_of(text)
    for path in STANDARD:
        name = path.rpartition("/")[2]
        used = re.search(rf"(?<![\w.]){name}\.[A-Z]", code)
        variable = re.search(rf"(?<![\w.]){name}\b(?!\s*\.)", code)
        if used and not variable and not re.search(rf'"(?:[\w./-]+/)?{name}"', text):
            yield path


def _sorted(text: str) -> tuple[list[Line], list[Line], list[Line]]:
    """Imports, declarations, statements. A variable behind a statement may need what that declared."""
    imports: list[Line] = []
    declared: list[Line] = []
    stated: list[Line] = []
    for part in parts(text, COMPLETE):
        if part.code.startswith("import"):
            imports += part.lines
        elif DECLARATION.match(part.code) or (VARIABLE.match(part.code) and not stated):
            declared += part.lines
        else:
            stated += part.lines
    return imports, declared, stated
