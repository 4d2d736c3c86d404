"""Gates of kind `javascript`: node parses every changed file, as the module or the script that it is."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Literal

from app.workspace import declared
from app.workspace.declared import NoSettings
from app.workspace.gates.gate import JSON, Bench, Change, Finding, GateResult, GateSpec
from app.workspace.gates.nearest import nearest
from app.workspace.gates.tool import result_of, run_tool

CHECK = r"""
shift
parse() { cp -- "$2" "$folder/file.$1" && node --check "$folder/file.$1" >"$folder/said" 2>&1; }
module_words='outside a module|top level bodies of modules|Unexpected token .export'
folder=$(mktemp -d) || exit 1
code=0
while [ $# -gt 0 ]; do
  case $1 in
    either) parse cjs "$2" || { grep -Eq "$module_words" "$folder/said" && parse mjs "$2"; } ;;
    *) parse "$1" "$2" ;;
  esac || { code=1; echo "== $2"; cat "$folder/said"; }
  shift 2
done
exit $code
"""
"""A copy's ending tells node what the file is, in every version of it and whatever lies beside the file."""
LINE = re.compile(r"(?:file://)?/tmp/\S+/file\.[cm]js:(\d+)")
MESSAGE = re.compile(r"\w*Error: .*")

How = Literal["mjs", "cjs", "either"]


class JavaScriptGate:
    """Sees what can not be parsed. What only fails when it runs, `node --check` can not see."""

    def check(self, given: Mapping[str, JSON]) -> None:
        declared.read(NoSettings, given)

    async def run(self, spec: GateSpec, change: Change, bench: Bench) -> GateResult:
        judged = await asyncio.to_thread(lambda: [(_how(change.root, path), path) for path in change.paths])
        arguments = [word for pair in judged for word in pair]
        execution = await run_tool(bench, change.root, "node", arguments, script=CHECK)
        return result_of(spec, "node", execution, findings(execution.output))


def findings(output: str) -> list[Finding]:
    """One for each file: node stops at its first fault."""
    found: list[Finding] = []
    path, line = "", None
    for text in output.splitlines():
        if text.startswith("== "):
            path, line = text[3:], None
        elif place := LINE.fullmatch(text):
            line = int(place[1])
        elif MESSAGE.fullmatch(text):
            found.append(Finding(text, path, line))
    return found


def _how(root: Path, path: str) -> How:
    """By its ending, else by the `type` of the package; without one it may be either."""
    match PurePosixPath(path).suffix:
        case ".mjs":
            return "mjs"
        case ".cjs":
            return "cjs"
    package = nearest(root, path, ("package.json",))
    try:
        said = json.loads((root / package / "package.json").read_bytes()) if package else {}
    except (ValueError, RecursionError):
        return "either"
    kinds: dict[str, How] = {"module": "mjs", "commonjs": "cjs"}
    return kinds.get(str(said.get("type")), "either") if isinstance(said, dict) else "either"
