"""The sample repository: one commit, the same everywhere, made once."""

import subprocess
from hashlib import sha256

import pytest

from app.errors import Conflict, Unavailable
from app.seeding.demo import create_sample_repository, file_digests, sample_files


def git(folder, *arguments):
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def target(tmp_path):
    return tmp_path / "with space" / "orders"


def test_it_is_one_commit_on_main_with_a_clean_working_copy(target):
    create_sample_repository(target)

    assert git(target, "log", "--format=%s", "--all") == "Keep orders over HTTP"
    assert git(target, "branch", "--show-current") == "main"
    assert git(target, "status", "--porcelain", "--ignored") == ""
    assert git(target, "ls-files").splitlines() == sorted(sample_files())


def test_the_commit_is_the_same_wherever_it_is_made(target, repository, monkeypatch):
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody")
    monkeypatch.setenv("GIT_DEFAULT_HASH", "sha256")

    create_sample_repository(target)

    assert git(target, "rev-parse", "main") == git(repository, "rev-parse", "main")


def test_what_happened_in_it_since_is_left_alone(target):
    create_sample_repository(target)
    git(target, "branch", "workbench/run")
    (target / "notes.txt").write_text("mine")
    (target / "README.md").write_text("edited")

    assert create_sample_repository(target) == target

    assert (target / "notes.txt").read_text() == "mine"
    assert (target / "README.md").read_text() == "edited"
    assert "workbench/run" in git(target, "branch")


@pytest.mark.parametrize("left", [[], ["README.md"], ["README.md", ".git/HEAD", "orders/app.py"]])
def test_a_half_made_one_is_made_anew(target, left):
    target.mkdir(parents=True)
    for name in left:
        (target / name).parent.mkdir(exist_ok=True)
        (target / name).write_bytes(sample_files().get(name, b"ref: refs/heads/main\n"))

    create_sample_repository(target)

    assert git(target, "status", "--porcelain") == ""


def test_what_a_killed_build_left_beside_it_is_removed(target):
    leftover = target.parent / ".sample-repository-abc"
    (leftover / "orders").mkdir(parents=True)

    create_sample_repository(target)

    assert [path.name for path in target.parent.iterdir()] == ["orders"]


@pytest.mark.parametrize("name", ["thesis.txt", "README.md"])
def test_a_folder_with_something_else_is_refused_and_kept(target, name):
    target.mkdir(parents=True)
    (target / name).write_text("three years of work")

    with pytest.raises(Conflict, match="is not the sample repository; move it away"):
        create_sample_repository(target)

    assert (target / name).read_text() == "three years of work"


def test_another_repository_is_refused_and_kept(target):
    target.mkdir(parents=True)
    git(target, "init", "--quiet", "--initial-branch=main")
    (target / "a.txt").write_text("a")
    git(target, "add", ".")
    git(target, "-c", "user.name=a", "-c", "user.email=a@b.invalid", "commit", "--quiet", "-m", "a")

    with pytest.raises(Conflict):
        create_sample_repository(target)

    assert git(target, "log", "--format=%s") == "a"


def test_a_damaged_sample_that_has_branches_is_refused_and_kept(target):
    create_sample_repository(target)
    (target / ".git" / "objects").rename(target / ".git" / "lost")

    with pytest.raises(Conflict):
        create_sample_repository(target)

    assert (target / ".git" / "lost").is_dir()


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_no_folder_is_refused(target, kind, tmp_path):
    target.parent.mkdir()
    target.write_text("x") if kind == "file" else target.symlink_to(tmp_path)

    with pytest.raises(Conflict):
        create_sample_repository(target)


def test_without_git_the_error_says_how_to_get_it(target, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(Unavailable, match="apt-get install git"):
        create_sample_repository(target)

    assert list(target.parent.iterdir()) == []


def test_a_git_that_fails_is_quoted(target, monkeypatch, tmp_path):
    (tmp_path / "git").write_text("#!/bin/sh\necho no space left >&2\nexit 128\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(Unavailable, match=r"git init failed in .*: no space left"):
        create_sample_repository(target)


def test_the_digests_cover_the_sample_and_each_text_that_an_answer_gives_a_file(answer):
    digests = file_digests()
    base = {path: sha256(content).hexdigest() for path, content in sample_files().items()}

    assert all(digest in digests[path] for path, digest in base.items())
    assert len(digests["orders/app.py"]) == 2
    assert len(digests["orders/health.py"]) == 3
    last = answer("developer", 2)["test_files"][0]
    assert sha256(last["content"].encode()).hexdigest() in digests["tests/test_health.py"]


def test_what_running_the_sample_leaves_behind_is_no_part_of_it():
    assert not any("__pycache__" in path for path in sample_files())
    assert "orders/app.py" in sample_files()
