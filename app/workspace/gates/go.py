"""Gates of kind `go`: the modules of the changed files build and are vetted; pieces are made whole first."""

from __future__ import annotations

import asyncio
import posixpath
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.workspace import declared
from app.workspace.declared import NoSettings
from app.workspace.gates import go_snippet
from app.workspace.gates.gate import JSON, Bench, Change, Finding, GateResult, GateSpec
from app.workspace.gates.nearest import nearest
from app.workspace.gates.overlay import OWN, Overlay
from app.workspace.gates.snippet import as_it_stands
from app.workspace.gates.tool import missing, result_of, run_tool

BUILD = f"""
shift
base=$PWD
export GOCACHE="$base/{OWN}/cache" GOPATH="$base/{OWN}/path"
modules="$WORKBENCH_ENVIRONMENT/pkg/mod"  # where a set-up command put what go.mod requires
[ -d "$modules" ] && export GOMODCACHE="$modules"
code=0
for folder in "$@"; do
  cd "$base/$folder" || exit 1
  echo "== $folder"
  export GOFLAGS=-mod=mod
  [ -f vendor/modules.txt ] && export GOFLAGS=-mod=vendor
  go build -o /dev/null ./... && go vet ./... || code=1
done
exit $code
"""
"""In the copy of the source, which has room for the cache. What `go build` finds, `go vet` would repeat."""
ENV = {"GOPROXY": "off", "GOTOOLCHAIN": "local", "GOMAXPROCS": "4"}
"""One process for each of many processors would be more than the sandbox allows."""
PLACE = re.compile(r"(?:vet: )?(?P<path>[^\s:][^:]*\.go):(?P<line>\d+)(?::\d+)?: (?P<message>.*)")
NOT_HERE = re.compile(
    r"^(?:go: \S+@v\S+|\S+\.go:[\d:]+): (?:module lookup disabled|missing go\.sum)", re.MULTILINE
)
"""What go.mod requires can not be had. A package that no required module has is the change's own fault."""


class GoGate:
    """`go build` and `go vet` of each module, offline and with the compiler of this host."""

    def check(self, given: Mapping[str, JSON]) -> None:
        declared.read(NoSettings, given)

    async def run(self, spec: GateSpec, change: Change, bench: Bench) -> GateResult:
        with tempfile.TemporaryDirectory(prefix="workbench-go-") as made:
            overlay = Overlay(Path(made))
            folders = await asyncio.to_thread(_folders, change, overlay)
            execution = await run_tool(
                bench, change.root, "go", folders, script=BUILD, env=ENV, over=overlay.root
            )
        requires = any(
            path.endswith("go.mod") for path in change.paths
        )  # then it is for the change to answer
        if execution.exit_code and not requires and NOT_HERE.search(execution.output):
            return missing(spec, "what go.mod requires is not on this host; `go mod vendor` brings it along")
        return result_of(spec, "go", execution, findings(execution.output, overlay))


@dataclass(frozen=True)
class Package:
    """The files of one folder that have no module above them."""

    name: str | None
    """None: one piece that names no package."""
    paths: tuple[str, ...]


def findings(output: str, overlay: Overlay) -> list[Finding]:
    """What the compiler said, at the places of the files as they are in the change."""
    found: list[Finding] = []
    folder = "."
    for line in output.splitlines():
        if line.startswith("== "):
            folder = line[3:]
        elif place := PLACE.fullmatch(line):
            path = posixpath.normpath(posixpath.join(folder, place["path"]))
            found.append(overlay.finding(place["message"], path, int(place["line"])))
        elif line.startswith("\t") and found:
            last = found.pop()
            found.append(Finding(f"{last.message}; {line.strip()}", last.path, last.line))
    return found


def _folders(change: Change, overlay: Overlay) -> list[str]:
    """Where to build: the modules of the changed files, and one made for each package without a module."""
    modules = {path: nearest(change.root, path, ("go.mod",)) for path in change.paths}
    lone = [path for path, module in modules.items() if module is None]
    made = [_made(change.root, package, overlay) for package in _packages(change.root, lone)]
    return [*sorted({module for module in modules.values() if module is not None}), *made]


def _packages(root: Path, paths: Sequence[str]) -> Iterator[Package]:
    grouped = set()
    for path in paths:
        name = go_snippet.package_of(_read(root, path))
        if name is None:
            yield Package(None, (path,))
        else:
            grouped.add((posixpath.dirname(path), name.removesuffix("_test")))
    for folder, name in sorted(grouped):
        beside = sorted((root / folder).glob("*.go"))
        every = [path.relative_to(root).as_posix() for path in beside]
        own = [path for path in every if go_snippet.package_of(_read(root, path)) in (name, f"{name}_test")]
        yield Package(name, tuple(own))


def _made(root: Path, package: Package, overlay: Overlay) -> str:
    """A module of its own for the package."""
    folder = overlay.folder()
    overlay.add(f"{folder}/go.mod", go_snippet.MODULE)
    if package.name is None:
        [path] = package.paths
        overlay.put(f"{folder}/snippet.go", go_snippet.with_package(_read(root, path)), path)
        return folder
    texts = {path: _read(root, path) for path in package.paths}
    for path, text in texts.items():
        overlay.put(f"{folder}/{posixpath.basename(path)}", as_it_stands(text), path)
    if package.name == "main" and not any(map(go_snippet.has_main, texts.values())):
        overlay.add(f"{folder}/workbench_main.go", go_snippet.MAIN_FILE)
    return folder


def _read(root: Path, path: str) -> str:
    return (root / path).read_text("utf-8", "replace")
