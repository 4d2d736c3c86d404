"""The branch of a run: a safe name, created exactly once."""

import asyncio
import os
import time

import pytest

from app.errors import Invalid
from app.workspace.branch import BranchExists, BranchLocked, check_branch, publish_commit
from app.workspace.git import GitError
from app.workspace.repository import branch_commit, head_commit, open_repository


@pytest.fixture
async def repo(make_repo, run_git):
    folder = make_repo()
    run_git(folder, "commit", "-q", "--allow-empty", "-m", "Second")
    return await open_repository(folder)


@pytest.fixture
def lock(repo):
    path = repo.common_dir / "refs/heads/workbench/x.lock"
    path.parent.mkdir(parents=True)
    path.touch()
    return path


@pytest.mark.abuse(74)
@pytest.mark.parametrize(
    "name",
    ["-x", "a..b", "@{-1}", "refs/heads/x", "HEAD", "a\nb", "a b", "", "A", "a/", "a//b", "a.lock",
     "a~1", "a^", "a:b",
     "/a", "a/.b", "x" * 82, "a@{1}", "é", "a\x00b", "a.", "*"],
)  # fmt: skip
async def test_a_name_that_git_or_a_shell_could_misread_is_refused(repo, name):
    with pytest.raises(Invalid):
        await check_branch(repo, name)


async def test_the_names_of_runs_are_fine(repo):
    assert await check_branch(repo, "workbench/0190f5c2-7d5e-7c3a-9f00-1234567890ab")


async def test_a_branch_is_created_once_and_creating_it_again_with_the_same_commit_is_fine(repo):
    head = await head_commit(repo)
    await publish_commit(repo, "workbench/x", head)
    await publish_commit(repo, "workbench/x", head)
    assert await branch_commit(repo, "workbench/x") == head


async def test_of_many_that_create_one_branch_at_once_with_the_same_commit_all_succeed(repo):
    head = await head_commit(repo)
    await asyncio.gather(*(publish_commit(repo, "workbench/x", head) for _ in range(8)))
    assert await branch_commit(repo, "workbench/x") == head


async def test_of_two_that_create_one_branch_with_different_commits_one_wins(repo):
    commits = [await head_commit(repo), await head_commit(repo, "HEAD~1")]
    outcomes = await asyncio.gather(
        *(publish_commit(repo, "workbench/x", commit) for commit in commits), return_exceptions=True
    )
    lost = [outcome for outcome in outcomes if outcome is not None]
    assert [type(outcome) for outcome in lost] == [BranchExists]
    assert await branch_commit(repo, "workbench/x") in commits


async def test_a_branch_at_another_commit_is_never_moved(repo):
    first = await head_commit(repo, "HEAD~1")
    await publish_commit(repo, "workbench/x", first)
    with pytest.raises(BranchExists, match="rename or delete it"):
        await publish_commit(repo, "workbench/x", await head_commit(repo))
    assert await branch_commit(repo, "workbench/x") == first


async def test_a_branch_whose_name_is_our_folder_is_named_in_the_error(repo, run_git):
    run_git(repo.path, "branch", "workbench")
    with pytest.raises(BranchExists, match=r"branch 'workbench' of .* stands in the way"):
        await publish_commit(repo, "workbench/x", await head_commit(repo))


async def test_a_fresh_lock_is_respected(repo, lock):
    with pytest.raises(BranchLocked, match="try again in a moment"):
        await publish_commit(repo, "workbench/x", await head_commit(repo))
    assert lock.exists()


async def test_an_old_lock_that_a_process_holds_open_is_respected(repo, lock):
    os.utime(lock, (time.time() - 3600,) * 2)
    with lock.open(), pytest.raises(BranchLocked):
        await publish_commit(repo, "workbench/x", await head_commit(repo))


async def test_an_old_lock_that_nobody_holds_is_removed(repo, lock):
    os.utime(lock, (time.time() - 3600,) * 2)
    await publish_commit(repo, "workbench/x", await head_commit(repo))
    assert not lock.exists()
    assert await branch_commit(repo, "workbench/x")


async def test_any_other_failure_of_git_is_reported_as_it_is(repo):
    with pytest.raises(GitError, match="update-ref failed"):
        await publish_commit(repo, "workbench/x", "1" * 40)
