"""The commit of a run: made once, by plumbing, from the list of files alone."""

import asyncio
import os
import signal
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from app.errors import Invalid
from app.workspace.branch import publish_commit
from app.workspace.commit import (
    CommitPlan,
    NothingToCommit,
    build_commit,
    commit_files,
    find_commit,
)
from app.workspace.files import SourceFile, UnsafePath
from app.workspace.message import commit_message
from app.workspace.repository import head_commit, open_repository

BRANCH = "workbench/run-1"
MESSAGE = commit_message("Add a health check", "It answers.", {"Run-Id": "run-1"})
NEW = (SourceFile("app/health.py", "OK = True\r\n"), SourceFile("app/main.py", "print(2)\n"))
AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


async def plan_for(folder, files=NEW, **changes):
    repo = await open_repository(folder)
    plan = CommitPlan(BRANCH, await head_commit(repo), MESSAGE, AT, files)
    return repo, replace(plan, **changes)


async def test_the_commit_holds_the_files_on_top_of_its_parent(make_repo, run_git):
    folder = make_repo()
    repo, plan = await plan_for(folder)
    commit = await build_commit(repo, plan)
    await publish_commit(repo, BRANCH, commit)
    assert run_git(folder, "show", f"{BRANCH}:app/health.py") == "OK = True"
    assert run_git(folder, "log", "-1", "--format=%P %an <%ae> %cn <%ce> %aI %cI", BRANCH) == (
        f"{plan.parent} Workbench <workbench@localhost> Workbench <workbench@localhost> "
        "2026-03-01T12:00:00+00:00 2026-03-01T12:00:00+00:00"
    )
    assert run_git(folder, "log", "-1", "--format=%B", BRANCH) + "\n" == MESSAGE
    assert await commit_files(repo, commit) == [("A", "app/health.py"), ("M", "app/main.py")]
    assert run_git(folder, "fsck", "--strict") == ""


async def test_the_same_plan_gives_the_same_hash_also_in_another_clone(make_repo, run_git, tmp_path):
    folder = make_repo()
    run_git(folder, "clone", "-q", ".", str(tmp_path / "clone"))
    run_git(tmp_path / "clone", "config", "i18n.commitEncoding", "ISO-8859-1")
    run_git(tmp_path / "clone", "config", "core.autocrlf", "true")
    first = await build_commit(*await plan_for(folder))
    assert await build_commit(*await plan_for(folder)) == first
    assert await build_commit(*await plan_for(tmp_path / "clone")) == first
    elsewhere = AT.astimezone(timezone(timedelta(hours=5)))
    assert await build_commit(*await plan_for(folder, at=elsewhere)) == first


async def test_no_hook_filter_monitor_or_signature_runs_and_content_is_stored_as_it_is(
    make_repo, plant, run_git
):
    folder = make_repo()
    traces = plant(folder)
    repo, plan = await plan_for(folder)
    commit = await build_commit(repo, plan)
    await publish_commit(repo, BRANCH, commit)
    assert await find_commit(repo, BRANCH, "run-1") == commit
    assert await commit_files(repo, commit)
    assert os.listdir(traces) == []
    assert run_git(folder, "cat-file", "blob", f"{commit}:app/health.py") == "OK = True"


async def test_the_planted_traps_do_fire_for_a_person(make_repo, plant, run_git):
    folder = make_repo()
    traces = plant(folder)
    run_git(folder, "config", "commit.gpgSign", "false")
    (folder / "new.txt").write_text("x\n")
    run_git(folder, "add", "new.txt")
    run_git(folder, "commit", "-q", "-m", "By hand")
    traps = {"filter.trap.clean", "core.fsmonitor", "pre-commit", "post-commit", "reference-transaction"}
    assert traps <= set(os.listdir(traces))


async def test_a_dirty_tree_an_index_and_the_checked_out_branch_stay_byte_for_byte(
    make_repo, run_git, digest
):
    folder = make_repo()
    (folder / "README.md").write_text("edited, not staged\n")
    (folder / "staged.txt").write_text("staged\n")
    run_git(folder, "add", "staged.txt")
    (folder / "untracked.txt").write_text("mine\n")
    index, head = (folder / ".git/index").read_bytes(), (folder / ".git/HEAD").read_bytes()
    (folder / ".git").rename(folder.parent / "git-dir")
    files = digest(folder)
    (folder.parent / "git-dir").rename(folder / ".git")
    status = run_git(folder, "--no-optional-locks", "status", "--porcelain")
    repo, plan = await plan_for(folder)
    await publish_commit(repo, BRANCH, await build_commit(repo, plan))
    assert ((folder / ".git/index").read_bytes(), (folder / ".git/HEAD").read_bytes()) == (index, head)
    assert run_git(folder, "--no-optional-locks", "status", "--porcelain") == status
    assert run_git(folder, "rev-parse", "main") == plan.parent
    (folder / ".git").rename(folder.parent / "git-dir")
    assert digest(folder) == files


@pytest.mark.abuse(21)
async def test_an_existing_file_keeps_its_executable_bit_and_a_new_one_has_none(make_repo, run_git):
    folder = make_repo({"run.sh": "#!/bin/sh\n"})
    (folder / "run.sh").chmod(0o755)
    run_git(folder, "commit", "-qam", "Executable")
    commit = await build_commit(
        *await plan_for(folder, (SourceFile("run.sh", "#!/bin/sh\ntrue\n"), SourceFile("n.sh", "x")))
    )
    assert [line.split()[0] for line in run_git(folder, "ls-tree", commit).splitlines()] == [
        "100644",
        "100755",
    ]


async def test_a_commit_without_a_change_is_refused(make_repo):
    repo, plan = await plan_for(make_repo(), (SourceFile("README.md", "hello\n"),))
    with pytest.raises(NothingToCommit):
        await build_commit(repo, plan)
    with pytest.raises(NothingToCommit):
        await build_commit(repo, replace(plan, files=()))


@pytest.mark.parametrize("path", ["link", "sub", "../x", ".git/config"])
async def test_links_submodules_and_paths_outside_are_never_committed(make_repo, run_git, path):
    folder = make_repo()
    os.symlink("README.md", folder / "link")
    run_git(folder, "add", "link")
    run_git(
        folder, "update-index", "--add", "--cacheinfo", f"160000,{run_git(folder, 'rev-parse', 'HEAD')},sub"
    )
    run_git(folder, "commit", "-q", "-m", "Link and submodule")
    repo, plan = await plan_for(folder, (SourceFile(path, "x"),))
    with pytest.raises(UnsafePath):
        await build_commit(repo, plan)


async def test_a_permitted_control_file_is_committed_under_its_plain_path(make_repo):
    repo, plan = await plan_for(make_repo(), (SourceFile("./tests/conftest.py", "x"),))
    assert await commit_files(repo, await build_commit(repo, plan)) == [("A", "tests/conftest.py")]


@pytest.mark.parametrize(
    "change",
    [{"author_name": "A <b>"}, {"author_email": "a\nb"}, {"at": datetime(2026, 1, 1)}, {"branch": "-x"}],
)
async def test_a_plan_that_could_forge_or_vary_is_refused(make_repo, change):
    repo, plan = await plan_for(make_repo(), **change)
    with pytest.raises(Invalid):
        await build_commit(repo, plan)


async def test_the_commit_is_found_by_hash_or_by_its_run_also_under_later_commits(make_repo, run_git):
    folder = make_repo()
    repo, plan = await plan_for(folder)
    assert await find_commit(repo, BRANCH, "run-1") is None
    commit = await build_commit(repo, plan)
    await publish_commit(repo, BRANCH, commit)
    run_git(folder, "checkout", "-q", BRANCH)
    run_git(folder, "commit", "-q", "--allow-empty", "-m", "By hand")
    assert await find_commit(repo, BRANCH, "run-1") == commit
    assert await find_commit(repo, BRANCH, "other", commit=commit) == commit
    assert await find_commit(repo, BRANCH, "run-2") is None


@pytest.mark.abuse(74)
async def test_a_run_id_written_by_somebody_else_is_not_believed(make_repo, run_git):
    folder = make_repo()
    run_git(folder, "checkout", "-q", "-b", BRANCH)
    run_git(folder, "commit", "-q", "--allow-empty", "-m", "Forged\n\nRun-Id: run-1")
    assert await find_commit(await open_repository(folder), BRANCH, "run-1") is None


async def test_another_author_is_kept_and_the_commit_found_by_that_author(make_repo, run_git):
    folder = make_repo()
    repo, plan = await plan_for(folder, author_name="Ada", author_email="ada@example.org")
    await publish_commit(repo, BRANCH, commit := await build_commit(repo, plan))
    assert await find_commit(repo, BRANCH, "run-1") is None
    assert await find_commit(repo, BRANCH, "run-1", author_email="ada@example.org") == commit
    assert run_git(folder, "log", "-1", "--format=%an %cn", BRANCH) == "Ada Workbench"


KILLED = """
import asyncio, os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from app.workspace.commit import CommitPlan, build_commit
from app.workspace.files import SourceFile
from app.workspace.repository import head_commit, open_repository
async def main():
    repo = await open_repository(Path(sys.argv[1]))
    files = (SourceFile("app/health.py", "OK = True\\n"), SourceFile("app/main.py", "print(2)\\n"))
    at = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    plan = CommitPlan(sys.argv[2], await head_commit(repo), sys.argv[3], at, files)
    print(await build_commit(repo, plan), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""


async def test_a_worker_killed_before_it_published_is_recovered_with_the_same_single_commit(
    make_repo, run_git
):
    folder = make_repo()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, str(folder), BRANCH, MESSAGE,
        stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode == -signal.SIGKILL
    repo, plan = await plan_for(folder)
    assert await find_commit(repo, BRANCH, "run-1") is None
    commit = await build_commit(repo, plan)
    await publish_commit(repo, BRANCH, commit)
    await publish_commit(repo, BRANCH, commit)
    assert commit == output.decode().strip()
    assert run_git(folder, "rev-list", "--count", f"main..{BRANCH}") == "1"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can work for somebody else")
async def test_root_commits_to_a_foreign_repository_without_leaving_a_file_of_root(foreign_repo):
    repo, plan = await plan_for(foreign_repo)
    await publish_commit(repo, BRANCH, await build_commit(repo, plan))
    assert {path.lstat().st_uid for path in foreign_repo.rglob("*")} == {12345}
