"""Which paths a run may write: each hostile spelling is refused by name."""

import pytest

from app.workspace.files import UnsafePath
from app.workspace.paths import check_path, check_protected

HOSTILE = {
    "traversal": ["../x", "a/../../x", "a/..", "..", "./../x", "a/b/../../../x"],
    "absolute": ["/etc/x", "//etc/x", "~/x", "~root/x", "~"],
    "reserved_character": ["C:/x", "c:x", "file://etc/x", "http://x/y", "a:b", ":(glob)**", ":!x",
                           "a?b", "a*b",
                           'a"b', "a<b", "a|b", ".git::$INDEX_ALLOCATION/config", "f.py::$DATA"],
    "backslash": ["C:\\x", "..\\x", "a\\..\\..\\x", "\\\\server\\share", "sub\\.git\\config"],
    "encoded": ["%2e%2e/x", "..%2fx", "a/%2E%2E/x", "%00", "a%5cb", "%2fetc"],
    "lookalike": ["\uff0e\uff0e/x", "\u2025/x", "..\u2215x", "..\u2044x", "..\u29f8x", "a\uff0fb",
                  "\u2024\u2024/x",
                  "a\uff3cb", "\u2026/x", "a\uff1ab", "a\u00a0b", "a\u3000b"],
    "git_directory": [".git/config", ".git", ".GIT/config", ".Git/hooks/pre-commit", "sub/.git/config",
                      "sub/.gIt", ".g\u0131t/config", ".\uff47\uff49\uff54/config"],
    "short_name": ["git~1/config", "GIT~1", "a/gitmod~1", "GI7EB~1/x", "PROGRA~1.TXT"],
    "not_portable": [".git./config", ".git /config", "a./b", "a /b", "a.", "a ", " a", "a/ b", "..."],
    "control_character": ["a\x00b", "a\nb", "a\rb", "a\x1b[31m", "a\x7fb", "a\tb", "a\u202eb", "a\u2066b",
                          ".g\u200cit/config", ".g\u200bit", "\ufeff.git/config", "a\u2028b", "a\u2029b",
                          "a\u00adb", "a\ue000b", "a\x85b", "a\u0378b"],
    "lone_surrogate": ["a\ud800b", "\udcff"],
    "too_long": ["a" * 256, "é" * 128, "/".join(["a" * 200] * 6)],
    "too_deep": ["/".join("a" * 33)],
    "reserved_name": ["CON", "con.txt", "a/NUL", "aux.py", "COM1", "lpt9.log", "a/prn/x", "CONIN$",
                      "com\u00b9",
                      "nul .txt", "clock$"],
    "option_like": ["-x", "a/-rf", "--upload-pack=x", "-"],
    "empty": ["", ".", "./", "a//b", "a/", "./.", "a/./"],
    "git_file": [".gitmodules", ".gitattributes", "a/.gitattributes", ".GitModules", "a/.GITATTRIBUTES"],
    "control_file": [".github/workflows/x.yml", ".GitHub/Workflows/x.yml", ".github/actions/a/action.yml",
                     ".gitlab-ci.yml", ".circleci/config.yml", ".husky/pre-commit", ".pre-commit-config.yaml",
                     ".vscode/tasks.json", ".idea/x.xml", ".devcontainer/devcontainer.json", ".claude/x",
                     ".cursor/rules", ".mcp.json", "AGENTS.md", "a/AGENTS.md", "CLAUDE.md",
                     "claude.MD", ".envrc",
                     ".npmrc", ".pypirc", "sub/.vscode/settings.json", ".hu\u017fky/pre-commit",
                     "Jenkinsfile"],
    "build_file": ["conftest.py", "tests/conftest.py", "CONFTEST.py", "pyproject.toml", "setup.py",
                   "setup.cfg",
                   "tox.ini", "pytest.ini", "sitecustomize.py", "usercustomize.py", "x.pth", "Makefile",
                   "package.json", "a/package.json", "Dockerfile", "GNUmakefile", "pytest.toml"],
}  # fmt: skip
CASES = [(reason, path) for reason, paths in HOSTILE.items() for path in paths]


@pytest.mark.parametrize(("reason", "path"), CASES, ids=[f"{n}-{c[0]}" for n, c in enumerate(CASES)])
def test_a_hostile_path_is_refused_with_its_reason(reason, path):
    with pytest.raises(UnsafePath) as caught:
        check_path(path)
    assert (caught.value.reason, caught.value.code, caught.value.status) == (reason, "unsafe_path", 422)
    assert caught.value.message.isprintable()


def test_the_list_of_hostile_paths_keeps_its_size():
    assert len(CASES) >= 150


@pytest.mark.parametrize(
    "path",
    ["app/main.py", "src/[id].tsx", "a b/c d.py", "docs/é.md", "日本.txt", "a.b.c", ".gitignore",
     "..a/b", "a..b",
     "git/x", ".github/ISSUE.md", "console.py", "a-b/c--d", "common.py", "100%.txt", "a~b", "_x",
     "@types/a.ts",
     "auxiliary.py", ".gitkeep", "x.git", "a=b+c,d;e", "(group)/page.tsx"],
)  # fmt: skip
def test_an_ordinary_path_is_taken_as_it_is(path):
    assert check_path(path) == path


def test_dots_that_mean_this_folder_are_dropped():
    assert check_path("./a/./b.py") == "a/b.py"


def test_a_control_file_is_taken_where_the_project_permits_its_path_or_its_name():
    assert check_path("tests/conftest.py", permitted=frozenset({"conftest.py"}))
    assert check_path(".github/workflows/ci.yml", permitted=frozenset({".github/workflows/ci.yml"}))
    with pytest.raises(UnsafePath):
        check_path("a/conftest.py", permitted=frozenset({"tests/conftest.py"}))


def test_nothing_permits_a_git_directory():
    with pytest.raises(UnsafePath):
        check_path(".git/config", permitted=frozenset({".git/config", "config", ".git"}))


def test_the_message_escapes_what_could_move_a_terminal():
    with pytest.raises(UnsafePath, match=r"'a\\x1b\[31m'") as caught:
        check_path("a\x1b[31m")
    assert caught.value.details == {"path": "a\\x1b[31m", "reason": "control_character"}


@pytest.mark.parametrize(
    ("path", "pattern"),
    [("secrets/key.txt", "secrets"), ("secrets/key.txt", "secrets/"), ("secrets/a/b", "secrets/**"),
     ("a/b.sql", "*.sql"), ("migrations/1/x.py", "migrations/*"), ("Secrets/x", "secrets/*"),
     ("a/LICENSE", "license"), ("a/deploy/x", "deploy"), ("a/b/c.py", "a/*/c.py"),
     ("x.sql", "**/*.sql"), ("a/b/x.sql", "**/*.sql"), ("a/c", "a/**/c"),
     ("a/b/c", "a/**/c")],
)  # fmt: skip
def test_a_protected_pattern_covers_names_folders_and_everything_below(path, pattern):
    with pytest.raises(UnsafePath, match="the project protects"):
        check_protected(path, [pattern])


def test_other_paths_are_not_protected():
    check_protected("app/secrets.py", ["secrets", "/migrations/", "*.sql", "", "x/app"])
