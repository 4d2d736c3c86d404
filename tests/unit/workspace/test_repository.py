"""Opening a repository and reading its commits."""

import os
import shutil

import pytest

from app.errors import NotFound
from app.workspace.git import GitError
from app.workspace.repository import (
    EmptyRepository,
    NotARepository,
    blob_reader,
    branch_commit,
    default_branch,
    head_commit,
    open_repository,
    read_file,
    tracked_files,
)


async def test_a_clone_is_opened_and_its_head_read(make_repo, run_git):
    folder = make_repo()
    repo = await open_repository(folder)
    assert await head_commit(repo) == run_git(folder, "rev-parse", "HEAD")
    assert await default_branch(repo) == "main"
    assert repo.common_dir == folder / ".git"


async def test_a_folder_with_spaces_in_its_path_works(make_repo):
    repo = await open_repository(make_repo(name="my own project"))
    assert await head_commit(repo)


async def test_a_linked_worktree_has_its_own_head_and_shares_the_refs(make_repo, run_git, tmp_path):
    folder = make_repo()
    run_git(folder, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    run_git(tmp_path / "side", "commit", "-q", "--allow-empty", "-m", "More")
    repo = await open_repository(tmp_path / "side")
    assert await head_commit(repo) == run_git(folder, "rev-parse", "side")
    assert (await default_branch(repo), repo.common_dir) == ("side", folder / ".git")


async def test_a_bare_repository_is_opened_when_it_is_named(make_repo, run_git, tmp_path):
    run_git(make_repo(), "clone", "-q", "--bare", ".", str(tmp_path / "bare.git"))
    repo = await open_repository(tmp_path / "bare.git")
    assert [entry.path for entry in await tracked_files(repo, await head_commit(repo))] == [
        "README.md",
        "app/main.py",
    ]


@pytest.mark.parametrize(
    ("name", "words"),
    [("project/app", "is a subfolder of a repository: name"), ("nothing", "is not a folder"),
     ("plain", "run 'git init'"), ("broken", "is not a usable git repository")],
)  # fmt: skip
async def test_what_is_not_a_repository_is_refused_with_what_to_do(make_repo, tmp_path, name, words):
    make_repo()
    (tmp_path / "plain").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / ".git").write_text("gitdir: /nonexistent\n")
    with pytest.raises(NotARepository, match=words):
        await open_repository(tmp_path / name)


async def test_a_repository_without_a_commit_says_so_and_knows_its_branch(run_git, tmp_path):
    run_git(tmp_path, "init", "-q", "-b", "trunk")
    repo = await open_repository(tmp_path)
    with pytest.raises(EmptyRepository, match="make a first one"):
        await head_commit(repo)
    assert await default_branch(repo) == "trunk"


async def test_branches_tags_and_hashes_name_commits_and_others_are_not_found(make_repo, run_git):
    folder = make_repo()
    run_git(folder, "tag", "-a", "v1", "-m", "One")
    repo = await open_repository(folder)
    head = await head_commit(repo)
    assert [await head_commit(repo, ref) for ref in ("main", "v1", head[:10])] == [head] * 3
    assert (await branch_commit(repo, "main"), await branch_commit(repo, "other")) == (head, None)
    for ref in ("other", "--all", "main:README.md", "a\nb", "\ud800", ""):
        if ref:
            with pytest.raises(NotFound):
                await head_commit(repo, ref)


async def test_a_detached_head_names_no_branch(make_repo, run_git):
    folder = make_repo()
    run_git(folder, "checkout", "-q", "--detach")
    assert await default_branch(await open_repository(folder)) is None


async def test_files_are_read_from_the_commit_not_from_the_working_copy(make_repo):
    folder = make_repo({"a b/é.txt": "one\n", "x.bin": b"\0\xff\r\n"})
    (folder / "x.bin").write_bytes(b"dirty")
    repo = await open_repository(folder)
    assert await read_file(repo, "HEAD", "x.bin") == b"\0\xff\r\n"
    assert await read_file(repo, "HEAD", "a b/é.txt") == b"one\n"
    with pytest.raises(NotFound, match="has no file 'nope'"):
        await read_file(repo, "HEAD", "nope")


async def test_tracked_files_have_their_mode_and_size(make_repo, run_git):
    folder = make_repo()
    os.symlink("/etc/passwd", folder / "link")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    run_git(folder, "add", "-A")
    run_git(folder, "commit", "-q", "-m", "More")
    found = await tracked_files(await open_repository(folder), "HEAD")
    assert [(e.path, e.mode, e.size) for e in found] == [
        ("README.md", "100644", 6), ("app/main.py", "100644", 9), ("link", "120000", 11),
        ("run.sh", "100755", 10),
    ]  # fmt: skip


async def test_many_files_are_read_by_one_process_and_a_missing_object_is_an_error(make_repo):
    repo = await open_repository(make_repo({f"{n}.txt": f"{n}\n" for n in range(50)}))
    entries = await tracked_files(repo, "HEAD")
    async with blob_reader(repo) as read:
        assert [await read(e.object) for e in entries] == [f"{e.path[:-4]}\n".encode() for e in entries]
    with pytest.raises(GitError, match="is missing"):
        async with blob_reader(repo) as read:
            await read("0" * 40)


async def test_a_corrupt_repository_is_a_typed_error(make_repo):
    folder = make_repo()
    repo = await open_repository(folder)
    head = await head_commit(repo)
    shutil.rmtree(folder / ".git" / "objects")
    (folder / ".git" / "objects").mkdir()
    with pytest.raises(GitError):
        await tracked_files(repo, head)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root meets repositories of others this way")
async def test_root_opens_a_repository_of_another_user(foreign_repo):
    repo = await open_repository(foreign_repo)
    assert repo.git.user == 12345
    assert await read_file(repo, await head_commit(repo), "README.md") == b"hello\n"
