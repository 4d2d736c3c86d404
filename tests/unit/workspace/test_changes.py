"""What a run changes, counted and shown before it is written."""

import pytest

from app.workspace.changes import MAX_LINES, MAX_TOTAL, describe_changes, find_changes
from app.workspace.files import SourceFile
from app.workspace.repository import head_commit, open_repository

BEFORE = {
    "a.txt": "one\ntwo\nthree\n",
    "same.txt": "same\n",
    "mac.txt": b"x\r\ny\r\n",
    "form.txt": "a\x0cb\n",
}


@pytest.fixture
async def changes(make_repo):
    """`changes(files)`: against a repository with one commit."""
    repo = await open_repository(make_repo(BEFORE))
    base = await head_commit(repo)
    return lambda *files: find_changes(repo, base, [SourceFile(*file) for file in files])


async def test_each_file_has_its_added_and_removed_lines(changes):
    found = await changes(("b.txt", "new\n"), ("a.txt", "one\n2\nthree\nfour\n"))
    assert [(f.path, f.is_new, f.added, f.removed) for f in found.files] == [
        ("a.txt", False, 2, 1),
        ("b.txt", True, 1, 0),
    ]
    assert found.tracked == 4
    assert found.diff.startswith("--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,4 @@\n one\n-two\n+2\n three\n+four\n")
    assert "--- /dev/null\n+++ b/b.txt\n" in found.diff


async def test_a_file_that_stays_the_same_is_no_change(changes):
    assert (await changes(("same.txt", "same\r\n"))).files == ()


async def test_line_ends_that_become_lf_are_a_change_of_each_line(changes):
    [file] = (await changes(("mac.txt", "x\r\ny\r\n"))).files
    assert (file.added, file.removed) == (2, 2)


async def test_only_a_newline_ends_a_line(changes):
    [file] = (await changes(("form.txt", "a\x0cc"))).files
    assert (file.added, file.removed) == (1, 1)
    assert file.diff.endswith("+a\x0cc\n\\ No newline at end of file\n")


async def test_a_file_too_long_to_compare_says_so_and_is_counted(changes):
    [file] = (await changes(("a.txt", "two\n" + "more\n" * MAX_LINES))).files
    assert (file.is_whole, file.added, file.removed) == (False, MAX_LINES, 2)
    assert file.diff.endswith(f"@@ 3 lines before, {MAX_LINES + 1} now @@\n")


async def test_a_file_that_is_named_twice_counts_as_it_will_be(changes):
    assert (await changes(("a.txt", "x\n"), ("./a.txt", BEFORE["a.txt"]))).files == ()


async def test_an_approval_shows_the_same_diff(make_repo):
    repo = await open_repository(make_repo(BEFORE))
    base, files = await head_commit(repo), [SourceFile("a.txt", "one\n")]
    assert await describe_changes(repo, base, files) == (await find_changes(repo, base, files)).diff


async def test_only_so_many_lines_are_compared_in_all_and_new_files_are_none_of_them(make_repo):
    long = "".join(f"{number}\n" for number in range(MAX_LINES))
    names = [f"{number:02}.txt" for number in range(MAX_TOTAL // MAX_LINES + 2)]
    repo = await open_repository(make_repo(dict.fromkeys(names, long)))
    files = [SourceFile(name, f"new\n{long[2:]}") for name in names]
    new = SourceFile("new.txt", long)
    found = await find_changes(repo, await head_commit(repo), [*files, new])
    assert [file.is_whole for file in found.files] == [True] * (len(names) - 2) + [False, False, True]
    assert [(file.added, file.removed) for file in found.files] == [(1, 1)] * len(names) + [(MAX_LINES, 0)]
