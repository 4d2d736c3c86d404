"""Which paths a run may write: each hostile spelling is refused by name."""

import pytest

from app.workspace.files import UnsafePath
from app.workspace.paths import check_path, check_protected


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
