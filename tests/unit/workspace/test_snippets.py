"""A piece of code becomes a file that a compiler takes, and every line of it knows where it came from."""

from __future__ import annotations

from app.workspace.gates import go_snippet, java_snippet
from app.workspace.gates.snippet import Whole, code_of

GO = """// sum adds
func sum(numbers ...int) int {
	return 0
}

total := sum(1,
	2)
fmt.Println(strings.Repeat("os.Exit", total)) // log.Println
"""
JAVA = """import java.util.List;

int twice(int number) {
  return number * 2;
}

record Pair(int a, int b) {}
final int limit = 3;
System.out.println(twice(limit));
"""


def lines(file: Whole) -> list[str]:
    return file.text.splitlines()


def came_from(file: Whole, source: str) -> None:
    """Each line of the piece stands in the file exactly once, under its own number."""
    given = source.splitlines()
    kept = [(text, origin) for text, origin in zip(lines(file), file.origins, strict=True) if origin]
    assert sorted(kept, key=lambda line: line[1]) == [(text, n) for n, text in enumerate(given, 1)]


def test_go_gets_a_package_its_imports_and_a_function_for_its_statements() -> None:
    file = go_snippet.with_package(GO)
    came_from(file, GO)
    assert lines(file)[:3] == ["package snippet", 'import "fmt"', 'import "strings"']
    assert lines(file).index("func sum(numbers ...int) int {") < lines(file).index("func _() {")
    assert lines(file)[-4:-1] == [*GO.splitlines()[-3:]]


def test_go_with_a_main_becomes_a_program() -> None:
    file = go_snippet.with_package("func main() {\n\tfmt.Println()\n}\n")
    assert lines(file) == ["package main", 'import "fmt"', "func main() {", "\tfmt.Println()", "}"]


def test_a_name_that_is_a_variable_too_is_not_imported() -> None:
    assert list(go_snippet.missing_imports("time := now()\ntime.Add(1)\nsort.Ints(xs)")) == ["sort"]
    assert list(go_snippet.missing_imports('import "sort"\nsort.Ints(xs)')) == []
    assert list(go_snippet.missing_imports("x.time.Now()")) == []


def test_java_gets_a_class_and_a_method_and_keeps_its_types_beside_it() -> None:
    file = java_snippet.with_class(JAVA, "Snippet")
    came_from(file, JAVA)
    found = lines(file)
    opened, method = found.index("class Snippet {"), found.index("void snippet() throws Exception {")
    assert (
        found.index("record Pair(int a, int b) {}") < opened < found.index("int twice(int number) {") < method
    )
    assert found[method + 1 :] == ["final int limit = 3;", "System.out.println(twice(limit));", "}", "}"]


def test_java_variables_are_fields_where_nothing_is_done_with_them() -> None:
    found = lines(java_snippet.with_class("int count = 0;\nvoid more() {\n  count++;\n}\n", "Snippet"))
    assert found[found.index("class Snippet {") + 1 :] == [
        "int count = 0;",
        "void more() {",
        "  count++;",
        "}",
        "}",
    ]


def test_java_that_is_whole_is_known_as_such() -> None:
    assert java_snippet.has_class("package a;\n\n@Deprecated\npublic final class A {\n  int b;\n}\n")
    assert not java_snippet.has_class("class A {}\nint b() { return 1; }\n")
    assert java_snippet.public_class("// public class No {\nclass A {}\npublic class B {}\n") == "B"


def test_comments_and_literals_are_no_code_and_lines_stay_where_they_are() -> None:
    text = 'a /* { \n { */ "{\\"" `{\n{` // {\n\'{\' b\n'
    assert code_of(text).split() == ["a", "00000", "00", "00", "000", "b"]
    assert code_of(text).count("\n") == text.count("\n")
