"""Gates of kind `typescript`: the project's own compiler finds no error in its types."""

from __future__ import annotations

import asyncio
import posixpath
import re
from collections.abc import Mapping, Sequence

from app.workspace import declared
from app.workspace.declared import NoSettings
from app.workspace.gates.gate import JSON, Bench, Change, Finding, GateResult, GateSpec
from app.workspace.gates.nearest import nearest
from app.workspace.gates.tool import missing, result_of, run_tool

NO_COMPILER = 126
CHECK = f"""
shift
folder=$1; shift
cd "$folder" || exit 1
above=$PWD
while [ "$above" != / ]; do
  own="$above/node_modules/typescript/bin/tsc"  # .bin/tsc only links to it
  [ -f "$own" ] && exec node "$own" "$@"
  above=$(dirname "$above")
done
own="$WORKBENCH_ENVIRONMENT/node_modules/typescript/bin/tsc"  # where a set-up command put it
[ -f "$own" ] && exec node "$own" "$@"
command -v tsc >/dev/null 2>&1 || exit {NO_COMPILER}
exec tsc "$@"
"""
"""The compiler next above the configuration, else the environment's, else the host's."""
OPTIONS = ("--noEmit", "--pretty", "false")
ALONE = ("--skipLibCheck", "--strict", "--target", "es2022", "--moduleResolution", "node")
"""For files that no tsconfig.json speaks of."""
PLACE = re.compile(r"(?P<path>[^\s(][^(]*)\((?P<line>\d+),\d+\): error (?P<message>TS\d+: .*)")
MESSAGE = re.compile(r"error (TS\d+: .*)")


class TypeScriptGate:
    """`tsc --noEmit` for each configuration above a changed file."""

    def check(self, given: Mapping[str, JSON]) -> None:
        declared.read(NoSettings, given)

    async def run(self, spec: GateSpec, change: Change, bench: Bench) -> GateResult:
        result = GateResult(spec.name, spec.kind, "passed", "tsc ended with 0")
        for folder, arguments in await asyncio.to_thread(_projects, change):
            execution = await run_tool(bench, change.root, "node", (folder, *arguments), script=CHECK)
            if execution.exit_code == NO_COMPILER:
                return missing(spec, "the project has no tsc, and neither has this host")
            result = result_of(spec, "tsc", execution, findings(execution.output, folder))
            if result.outcome != "passed":
                break
        return result


def findings(output: str, folder: str) -> list[Finding]:
    """Lines that are further in explain the one before them."""
    found: list[Finding] = []
    for line in output.splitlines():
        if place := PLACE.fullmatch(line):
            path = posixpath.normpath(posixpath.join(folder, place["path"]))
            found.append(Finding(place["message"], path, int(place["line"])))
        elif message := MESSAGE.fullmatch(line):
            found.append(Finding(message[1]))
        elif line.startswith("  ") and found:
            last = found.pop()
            found.append(Finding(f"{last.message}; {line.strip()}", last.path, last.line))
    return found


def _projects(change: Change) -> list[tuple[str, Sequence[str]]]:
    """Folder to begin in, and arguments: one for each configuration, one for the files without any."""
    found = {path: nearest(change.root, path, ("tsconfig.json",)) for path in change.paths}
    alone = [path for path, folder in found.items() if folder is None]
    folders = sorted({folder for folder in found.values() if folder is not None})
    whole: list[tuple[str, Sequence[str]]] = [(folder, (*OPTIONS, "-p", ".")) for folder in folders]
    return [*whole, (".", (*OPTIONS, *ALONE, *alone))] if alone else whole
