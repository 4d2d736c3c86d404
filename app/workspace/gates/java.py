"""Gates of kind `java`: javac takes the changed files; pieces without a class are made whole first."""

from __future__ import annotations

import asyncio
import posixpath
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from app.workspace import declared
from app.workspace.declared import NoSettings
from app.workspace.gates import java_snippet
from app.workspace.gates.gate import JSON, Bench, Change, Finding, GateResult, GateSpec
from app.workspace.gates.nearest import nearest
from app.workspace.gates.overlay import Overlay
from app.workspace.gates.snippet import as_it_stands
from app.workspace.gates.tool import result_of, run_tool

BUILD_FILES = ("pom.xml", "build.gradle", "build.gradle.kts", "settings.gradle", "build.xml")
"""Above a file one of these says that it belongs to a build, which takes it as it is or not at all."""
ROOTS = ("src/main/java", "src/test/java", "src")
SMALL = ("-J-Xmx512m", "-J-XX:+UseSerialGC", "-J-XX:TieredStopAtLevel=1")
"""For a short life under the sandbox's limits."""
HEAD = re.compile(r"(?:(?P<path>[^\s:][^:]*\.java):(?P<line>\d+): )?(?P<kind>error|warning): (?P<message>.*)")
DETAIL = re.compile(r"  (?:symbol|location|required|found|reason|equality constraints|lower bounds): .*")


class JavaSettings(NoSettings):
    classpath: tuple[str, ...] = ()
    """Folders and jars that the files need, in the repository or under /usr."""
    sources: tuple[str, ...] = ()
    """Source roots beside those that the packages of the changed files tell."""
    warnings_fail: bool = False
    """Whether a warning of -Xlint speaks against the change."""


class JavaGate:
    """Compiles with every lint on; nothing of it is kept."""

    def check(self, given: Mapping[str, JSON]) -> None:
        declared.read(JavaSettings, given)

    async def run(self, spec: GateSpec, change: Change, bench: Bench) -> GateResult:
        config = declared.read(JavaSettings, spec.settings)
        with tempfile.TemporaryDirectory(prefix="workbench-java-") as made:
            overlay = Overlay(Path(made))
            files = await asyncio.to_thread(_files, change, overlay)
            roots = await asyncio.to_thread(_roots, change, config.sources)
            arguments = [*_options(config, roots), *(f"./{path}" for path in files)]
            execution = await run_tool(bench, change.root, "javac", arguments, over=overlay.root)
        return result_of(spec, "javac", execution, findings(execution.output, overlay))


def findings(output: str, overlay: Overlay) -> list[Finding]:
    """Errors and warnings, with the details that javac writes below the line of code."""
    found: list[Finding] = []
    for line in output.splitlines():
        if head := HEAD.fullmatch(line):
            warning = "warning: " if head["kind"] == "warning" else ""
            message = f"{warning}{head['message']}"
            if head["path"] is None:
                found.append(Finding(message))
            else:
                path = posixpath.normpath(head["path"])
                found.append(overlay.finding(message, path, int(head["line"])))
        elif DETAIL.fullmatch(line) and found:
            last = found.pop()
            detail = re.sub(r"\s+", " ", line.strip())
            found.append(Finding(f"{last.message}; {detail}", last.path, last.line))
    return sorted(found, key=lambda one: one.message.startswith("warning: "))


def _options(config: JavaSettings, roots: Sequence[str]) -> list[str]:
    lint = ["-Xlint:all", *(["-Werror"] if config.warnings_fail else [])]
    paths = ["-sourcepath", ":".join(roots), "-classpath", ":".join(config.classpath) or "."]
    return [*SMALL, *lint, "-encoding", "UTF-8", "-d", "/tmp", *paths]  # noqa: S108 - the sandbox's own


def _files(change: Change, overlay: Overlay) -> list[str]:
    """The changed files, and in place of those that no compiler takes the ones made of them."""
    return [_compilable(change.root, path, overlay) for path in change.paths]


def _compilable(root: Path, path: str, overlay: Overlay) -> str:
    text = _read(root, path)
    name = java_snippet.public_class(text) or PurePosixPath(path).stem
    whole = java_snippet.has_class(text)
    if nearest(root, path, BUILD_FILES) is not None or (whole and name == PurePosixPath(path).stem):
        return path
    folder = overlay.folder()
    file = (
        as_it_stands(text) if whole else java_snippet.with_class(text, f"Snippet{PurePosixPath(folder).name}")
    )
    made = f"{folder}/{name}.java"
    overlay.put(made, file, path)
    return made


def _roots(change: Change, given: Sequence[str]) -> list[str]:
    """Where the other classes of the project are looked for."""
    builds = {nearest(change.root, path, BUILD_FILES) or "." for path in change.paths}
    usual = [posixpath.join(build, name) for build in sorted(builds) for name in ROOTS]
    own = [_root_of(path, java_snippet.package_of(_read(change.root, path))) for path in change.paths]
    wanted = dict.fromkeys(posixpath.normpath(root) for root in (*own, *given, *usual))
    return [root for root in wanted if (change.root / root).is_dir()] or ["."]


def _root_of(path: str, package: str | None) -> str:
    """The folder that the package begins in; that of the file where the two do not agree."""
    folder = posixpath.dirname(path) or "."
    inner = (package or "").replace(".", "/")
    if inner and f"/{folder}".endswith(f"/{inner}"):
        return folder[: -len(inner)].rstrip("/") or "."
    return folder


def _read(root: Path, path: str) -> str:
    return (root / path).read_text("utf-8", "replace")
