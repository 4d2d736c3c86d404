"""What one answer may write as a whole."""

import pytest

from app.workspace.files import UnsafePath
from app.workspace.fileset import MAX_ANSWER_BYTES, MAX_FILE_BYTES, check_set, is_mass_change


def refusal(paths, sizes=None, existing=()):
    with pytest.raises(UnsafePath) as caught:
        check_set(paths, sizes or [1] * len(paths), existing)
    return caught.value.reason


def test_an_ordinary_answer_passes():
    check_set(["a.py", "b/c.py"], [10, 20], ["a.py", "b/d.py"])
    check_set([], [], [])


@pytest.mark.abuse(17)
@pytest.mark.parametrize(
    "paths",
    [["a.py", "a.py"], ["A.py", "a.py"], ["é.py", "e\u0301.py"], ["src/a", "Src/b"], ["ﬁ.py", "fi.py"]],
)
def test_two_spellings_of_one_file_in_an_answer_are_refused(paths):
    assert refusal(paths) == "duplicate"


@pytest.mark.abuse(17)
@pytest.mark.parametrize(
    ("path", "known"), [("readme.md", "README.md"), ("Src/new.py", "src/old.py"), ("e\u0301.py", "é.py")]
)
def test_another_spelling_of_an_existing_file_is_refused(path, known):
    assert refusal([path], existing=[known]) == "duplicate"


def test_a_repository_that_holds_both_spellings_may_change_either():
    check_set(["a.py"], [1], ["A.py", "a.py"])


@pytest.mark.parametrize(
    ("paths", "existing"), [(["a", "a/b"], []), (["a/b"], ["a"]), (["a"], ["a/b"]), (["a/b/c", "a/b"], [])]
)
def test_a_name_can_not_be_a_file_and_a_folder(paths, existing):
    assert refusal(paths, existing=existing) == "file_and_folder"


@pytest.mark.abuse(6)
@pytest.mark.parametrize(
    ("paths", "existing"),
    [
        (["sub/HEAD", "sub/config", "sub/objects/x", "sub/refs/x"], []),
        (["sub/config"], ["sub/HEAD", "sub/objects/x", "sub/refs/x"]),
        (["sub/Head", "sub/OBJECTS/x", "sub/refs/heads/main"], []),
        (["HEAD", "config", "objects/info/x", "refs/x"], []),
        (["sub/HEAD", "sub/commondir"], []),
    ],
)
def test_files_that_make_a_folder_a_git_repository_are_refused(paths, existing):
    assert refusal(paths, existing=existing) == "embedded_repository"


def test_a_file_called_config_or_head_alone_is_fine():
    check_set(["sub/HEAD", "sub/config", "other/refs/x"], [1, 1, 1], [])


@pytest.mark.abuse(19)
def test_too_many_files_too_large_a_file_and_too_large_an_answer_are_refused():
    assert refusal([f"{n}.py" for n in range(201)]) == "too_many_files"
    assert refusal(["a"], [MAX_FILE_BYTES + 1]) == "too_large"
    assert refusal([f"{n}.py" for n in range(11)], [MAX_ANSWER_BYTES // 10] * 11) == "too_large"


@pytest.mark.abuse(20)
@pytest.mark.parametrize(
    ("changed", "tracked", "mass"), [(30, 100, False), (31, 100, True), (10, 11, False), (11, 11, True)]
)
def test_more_than_thirty_percent_is_a_mass_change_but_ten_files_never(changed, tracked, mass):
    assert is_mass_change(changed, tracked) is mass
