"""Paths that no run may write, by the reason of the refusal, and the abuse case each belongs to."""

from __future__ import annotations

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
                  "a\uff3cb", "\u2026/x", "a\uff1ab", "a\u00a0b", "a\u3000b",
                  "..\u2571x", "a\u27cb..\u27cbx"],
    "git_directory": [".git/config", ".git", ".GIT/config", ".Git/hooks/pre-commit", "sub/.git/config",
                      "sub/.gIt", ".g\u0131t/config", ".\uff47\uff49\uff54/config"],
    "short_name": ["git~1/config", "GIT~1", "a/gitmod~1", "GI7EB~1/x", "PROGRA~1.TXT"],
    "not_portable": [".git./config", ".git /config", "a./b", "a /b", "a.", "a ", " a", "a/ b", "..."],
    "control_character": ["a\x00b", "a\nb", "a\rb", "a\x1b[31m", "a\x7fb", "a\tb", "a\u202eb", "a\u2066b",
                          ".g\u200cit/config", ".g\u200bit", "\ufeff.git/config", "a\u2028b", "a\u2029b",
                          "a\u00adb", "a\ue000b", "a\x85b", "a\u0378b",
                          ".git\ufe0f/config", ".g\u034fit/config",
                          "a\u3164b", "a\U000e0100b", "a\u180bb"],
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
                     "Jenkinsfile", ".github/copilot-instructions.md", ".github/dependabot.yml", "CODEOWNERS",
                     ".windsurf/rules/x.md", ".clinerules", "lefthook.yml", ".mvn/jvm.config"],
    "build_file": ["conftest.py", "tests/conftest.py", "CONFTEST.py", "pyproject.toml", "setup.py",
                   "setup.cfg",
                   "tox.ini", "pytest.ini", "sitecustomize.py", "usercustomize.py", "x.pth", "Makefile",
                   "package.json", "a/package.json", "Dockerfile", "GNUmakefile", "pytest.toml",
                   "go.mod", "a/pom.xml",
                   "build.gradle.kts", "jest.config.js", "vitest.config.mts", ".mocharc.cjs", "Cargo.toml",
                   "build.rs", ".pnpmfile.cjs", "CMakeLists.txt"],
}  # fmt: skip

CASES = {
    "traversal": 1, "absolute": 2, "backslash": 3, "encoded": 4, "lookalike": 4,
    "git_directory": 5, "short_name": 5, "git_file": 7, "control_file": 8, "build_file": 9,
    "control_character": 14, "lone_surrogate": 14, "empty": 14,
    "too_long": 15, "too_deep": 15, "reserved_character": 16, "reserved_name": 16, "not_portable": 16,
    "option_like": 18,
}  # fmt: skip


def case_of(reason: str, path: str) -> int:
    """A way to spell `.git` is case 5 and a pathspec case 18, whatever it is refused for."""
    if path.startswith((":(", ":!")):
        return 18
    if "://" in path or path[:2].casefold() == "c:":
        return 2
    invisible = reason in ("control_character", "not_portable", "reserved_character", "backslash")
    return 5 if invisible and "git" in path.casefold() + path.replace("\u200c", "") else CASES[reason]
