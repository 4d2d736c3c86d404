"""Compilers as gates, on real files: what they find, where, and what they can not see."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from app.workspace.gates import run_gates
from app.workspace.gates.gate import Bench, Finding, GateResult, GateSpec
from app.workspace.gates.tool import result_of, run_tool
from app.workspace.sandbox.limits import Limits
from app.workspace.sandbox.sandbox import Sandbox

TOOLS = {"go": "go", "java": "javac", "javascript": "node"}
ENDINGS = {"go": "go", "java": "java", "javascript": "js"}
CLASSES = ("const reassignment", "shadowing", "undefined variable", "type error")
BUGS: dict[str, tuple[tuple[str, int, str | None], ...]] = {
    "go": (
        ("const limit = 3\nlimit = 4\n", 2, "cannot assign to limit"),
        # Go lets a name hide another: what is found is that the hiding one does nothing
        ("total := 0\nfor n := range xs() {\n\ttotal := total + n\n}\nfmt.Println(total)\n", 3, "declared"),
        ("price := 3\nfmt.Println(prize, price)\n", 2, "undefined: prize"),
        ('var name string = "a"\nname = 5\nfmt.Println(name)\n', 2, "cannot use 5"),
    ),
    "java": (
        ("final int limit = 3;\nlimit = 4;\n", 2, "cannot assign a value to final variable limit"),
        ("List<String> fish = List.of();\nfor (String fish : fish) {\n}\n", 2, "fish is already defined"),
        ("int price = 3;\nSystem.out.println(prize);\n", 2, "cannot find symbol; symbol: variable prize"),
        ('String name = "a";\nname = 5;\n', 2, "int cannot be converted to String"),
    ),
    # node --check only parses: these three break when they run, which is for a browser or a test to see
    "javascript": (
        ("const limit = 3;\nlimit = 4;\n", 2, None),
        ("const fish = [1];\nlet fish = 2;\n", 2, "Identifier 'fish' has already been declared"),
        ("const price = 3;\nconsole.log(prize);\n", 2, None),
        ("const name = null;\nname.trim();\n", 2, None),
    ),
}
XS = "func xs() []int {\n\treturn nil\n}\n"


def needs(tool: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed on this host")


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench(Sandbox(), Limits(wall_s=200), Path(sys.executable))


async def check(
    kind: str, root: Path, files: Mapping[str, str], bench: Bench, settings: Mapping[str, Any] | None = None
) -> GateResult:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    gate = GateSpec(kind, kind, ("*",), settings or {})
    [result] = await run_gates([gate], root, sorted(files), bench)
    return result


def places(result: GateResult) -> list[str]:
    return [finding.as_text() for finding in result.findings]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def found(tmp_path_factory: pytest.TempPathFactory, bench: Bench) -> dict[str, list[Finding]]:
    """Every planted bug of a language in one run of its gate; by the path of its file."""
    by_path: dict[str, list[Finding]] = {}
    for kind, bugs in BUGS.items():
        if shutil.which(TOOLS[kind]):
            files = {f"{kind}/bug{n}.{ENDINGS[kind]}": text for n, (text, _, _) in enumerate(bugs)}
            if kind == "go":
                files["go/bug1.go"] += XS
            result = await check(kind, tmp_path_factory.mktemp(kind), files, bench)
            for finding in result.findings:
                by_path.setdefault(str(finding.path), []).append(finding)
    return by_path


@pytest.mark.parametrize("kind", BUGS)
@pytest.mark.parametrize("bug", CLASSES)
@pytest.mark.asyncio(loop_scope="module")
async def test_each_class_of_bug_is_found_by_the_compilers_and_hardly_by_a_parser(
    kind: str, bug: str, found: dict[str, list[Finding]]
) -> None:
    needs(TOOLS[kind])
    number = CLASSES.index(bug)
    _, line, message = BUGS[kind][number]
    findings = found.get(f"{kind}/bug{number}.{ENDINGS[kind]}", [])
    if message is None:
        assert findings == []
    else:
        assert [(one.line, message in one.message) for one in findings] == [(line, True)]


async def test_a_go_module_is_built_and_vetted_whole(tmp_path: Path, bench: Bench) -> None:
    needs("go")
    module = {
        "service/go.mod": "module example.org/service\n\ngo 1.18\n",
        "service/main.go": 'package main\n\nimport "example.org/service/price"\n\nfunc main() { price.Of(1) }\n',  # noqa: E501
        "service/price/price.go": "package price\n\nfunc Of(n int) int { return n }\n",
        "service/price/price_test.go": 'package price\n\nimport "testing"\n\n'
        'func TestOf(t *testing.T) { t.Errorf("%d", "one") }\n',
    }
    result = await check("go", tmp_path, module, bench)
    assert result.outcome == "failed"
    assert places(result) == [
        'service/price/price_test.go:5: (*testing.common).Errorf format %d has arg "one" of wrong type string'
    ]
    broken = {"service/price/price.go": "package price\n\nfunc Of(n int) string { return n }\n"}
    [place] = places(await check("go", tmp_path, broken, bench))
    assert place.startswith("service/price/price.go:3: cannot use n (variable of type int)")


async def test_a_package_without_a_module_is_built_with_the_files_beside_it(
    tmp_path: Path, bench: Bench
) -> None:
    needs("go")
    (tmp_path / "one.go").write_text("package main\n\nconst one = 1\n")
    result = await check("go", tmp_path, {"two.go": "package main\n\nconst two = one + uno\n"}, bench)
    assert places(result) == ["two.go:3: undefined: uno"]
    assert (
        await check("go", tmp_path, {"two.go": "package main\n\nconst two = one + 1\n"}, bench)
    ).outcome == ("passed")


async def test_a_go_module_whose_dependency_is_not_here_can_not_be_judged(
    tmp_path: Path, bench: Bench
) -> None:
    needs("go")
    files = {
        "go.mod": "module a\n\ngo 1.18\n\nrequire example.org/far v1.2.3\n",
        "a.go": 'package a\n\nimport _ "example.org/far"\n',
    }
    (tmp_path / "go.mod").write_text(files.pop("go.mod"))
    result = await check("go", tmp_path, files, bench)
    assert (result.outcome, result.reason.partition(";")[0]) == (
        "missing",
        "what go.mod requires is not on this host",
    )
    invented = {"go.mod": "module a\n\ngo 1.18\n"}
    result = await check("go", tmp_path, {**files, **invented}, bench)
    assert result.outcome == "failed"
    assert places(result)[0].startswith("a.go:3: cannot find module providing package example.org/far")


async def test_java_finds_other_classes_by_their_package_and_a_public_class_under_any_name(
    tmp_path: Path, bench: Bench
) -> None:
    needs("javac")
    (tmp_path / "app/shop").mkdir(parents=True)
    (tmp_path / "app/shop/Price.java").write_text("package shop;\n\npublic class Price {}\n")
    lone = {"app/shop/answer.java": "package shop;\n\npublic class Cart {\n  Price price;\n}\n"}
    assert (await check("java", tmp_path, lone, bench)).outcome == "passed"
    (tmp_path / "pom.xml").write_text("<project/>\n")
    assert places(await check("java", tmp_path, lone, bench)) == [
        "app/shop/answer.java:3: class Cart is public, should be declared in a file named Cart.java"
    ]


async def test_warnings_of_java_are_told_and_fail_where_the_gate_says_so(
    tmp_path: Path, bench: Bench
) -> None:
    needs("javac")
    raw = {"Raw.java": "class Raw {\n  java.util.List names;\n}\n"}
    told = await check("java", tmp_path, raw, bench)
    assert (told.outcome, places(told)) == (
        "passed",
        ["Raw.java:2: warning: [rawtypes] found raw type: List"],
    )
    assert (await check("java", tmp_path, raw, bench, {"warnings_fail": True})).outcome == "failed"


async def test_javascript_is_judged_as_the_module_or_the_script_that_it_is(
    tmp_path: Path, bench: Bench
) -> None:
    needs("node")
    (tmp_path / "typed").mkdir()
    (tmp_path / "typed/package.json").write_text('{"type": "module"}')
    result = await check(
        "javascript",
        tmp_path,
        {
            "free/page.js": "import a from './a.js';\nexport const b = await a;\n",
            "free/script.js": "var with_ = 1;\nwith (Math) { max(1, 2); }\n",
            "free/broken.js": "export const a = ;\n",
            "a.mjs": "with (Math) { max(1, 2); }\n",
            "b.cjs": "\nexport const a = 1;\n",
            "typed/strict.js": "\n\nwith (Math) { max(1, 2); }\n",
        },
        bench,
    )
    assert sorted(places(result)) == [
        "a.mjs:1: SyntaxError: Strict mode code may not include a with statement",
        "b.cjs:2: SyntaxError: Unexpected token 'export'",
        "free/broken.js:1: SyntaxError: Unexpected token ';'",
        "typed/strict.js:3: SyntaxError: Strict mode code may not include a with statement",
    ]


async def test_typescript_is_checked_by_the_compiler_of_the_project(tmp_path: Path, bench: Bench) -> None:
    compiler = os.environ.get("WORKBENCH_TEST_TYPESCRIPT")
    if compiler is None:
        pytest.skip("WORKBENCH_TEST_TYPESCRIPT names no folder of the npm package typescript")
    shutil.copytree(compiler, tmp_path / "web/node_modules/typescript")
    files = {
        "web/tsconfig.json": '{"compilerOptions": {"strict": true, "types": []}, "include": ["src"]}',
        "web/src/a.ts": "export const a: string = 1;\n",
    }
    result = await check("typescript", tmp_path, files, bench)
    assert places(result) == ["web/src/a.ts:1: TS2322: Type 'number' is not assignable to type 'string'."]


async def test_typescript_without_a_compiler_is_missing(tmp_path: Path, bench: Bench) -> None:
    needs("node")
    if shutil.which("tsc"):
        pytest.skip("this host has a tsc of its own")
    result = await check("typescript", tmp_path, {"a.ts": "const a: string = 1;\n"}, bench)
    assert (result.outcome, result.reason) == (
        "missing",
        "the project has no tsc, and neither has this host",
    )


async def test_python_compiles_every_file_and_runs_none(tmp_path: Path, bench: Bench) -> None:
    files = {
        "a.py": "x = 1\n",
        "b.py": "\ndef f(:\n",
        "c.py": "a = '\0'\n",
        "json.py": "raise SystemExit('it ran')\n",
    }
    result = await check("python", tmp_path, files, bench)
    assert (result.outcome, result.reason) == ("failed", "2 of 4 files do not compile")
    assert places(result)[0] == "b.py:2: SyntaxError: invalid syntax"
    assert [one.path for one in result.findings] == ["b.py", "c.py"]


async def test_python_needs_no_interpreter_of_the_project(tmp_path: Path, bench: Bench) -> None:
    needs("python3")
    bare = Bench(bench.sandbox, bench.limits, None)
    result = await check("python", tmp_path, {"a.py": "x = 1\n"}, bare)
    assert result.outcome in ("passed", "missing")  # missing: a python3 that is not in the sandbox


async def test_ruff_keeps_to_the_rules_of_the_project_unless_the_gate_has_its_own(
    tmp_path: Path, bench: Bench
) -> None:
    if not Path(sys.executable).with_name("ruff").exists():
        pytest.skip("the environment has no ruff")
    (tmp_path / "ruff.toml").write_text('lint.select = ["E711"]\n')
    files = {"deep/a.py": "import os\n\nprint(os == None, name)\n"}
    result = await check("ruff", tmp_path, files, bench)
    assert places(result) == ["deep/a.py:3: E711 Comparison to `None` should be `cond is None`"]
    chosen = await check("ruff", tmp_path, files, bench, {"select": ["F821"]})
    assert places(chosen) == ["deep/a.py:3: F821 Undefined name `name`"]


async def test_a_compiler_that_is_not_there_is_missing(tmp_path: Path, bench: Bench) -> None:
    execution = await run_tool(bench, tmp_path, "no-such-compiler", ("--version",))
    result = result_of(GateSpec("one", "go", ("*",)), "no-such-compiler", execution)
    assert (result.outcome, result.reason) == ("missing", "no-such-compiler is not installed on this host")
