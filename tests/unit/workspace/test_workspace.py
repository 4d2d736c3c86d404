"""The workspace as a whole: a cache of base commit plus accepted files."""

import os
import stat

import pytest

from app.errors import Invalid, WorkbenchError
from app.workspace.files import SourceFile, UnsafePath
from app.workspace.fileset import MAX_FILES
from app.workspace.repository import head_commit, open_repository
from app.workspace.workspace import apply_files, check_answer, rebuild, remove_workspace, workspace_folder
from app.workspace.writer import list_files

FILES = [SourceFile("app/main.py", "print(2)\n"), SourceFile("docs/new.md", "x\n")]


def test_each_run_has_its_own_folder_and_odd_ids_are_refused(tmp_path):
    assert workspace_folder(tmp_path, "0190-ab", 3) == tmp_path / "workspaces/0190-ab/3/files"
    for odd in ("..", "a/b", "", "a\0", "x" * 65):
        with pytest.raises(Invalid):
            workspace_folder(tmp_path, odd, 1)


async def test_a_rebuilt_workspace_is_the_base_commit_plus_the_files_of_the_run(make_repo, tmp_path):
    repo = await open_repository(make_repo())
    target = workspace_folder(tmp_path / "state", "run-1", 1)
    for _ in range(2):
        await rebuild(repo, await head_commit(repo), target, FILES)
        assert list_files(target) == ["README.md", "app/main.py", "docs/new.md"]
        assert (target / "app/main.py").read_text() == "print(2)\n"
        (target / "left-over").write_text("gone at the next rebuild")


async def test_each_lease_has_a_folder_of_its_own_and_a_rebuild_deletes_the_older_ones(make_repo, tmp_path):
    repo = await open_repository(make_repo())
    base = await head_commit(repo)
    folders = [workspace_folder(tmp_path, "run-1", fence) for fence in (1, 2, 10)]
    other = workspace_folder(tmp_path, "run-2", 1)
    for folder in (*folders, other):
        await rebuild(repo, base, folder, FILES)
    assert len(set(folders)) == 3
    assert [folder.exists() for folder in folders] == [False, False, True]
    assert list_files(other) == list_files(folders[-1])
    await rebuild(repo, base, folders[0], [])
    assert list_files(folders[-1]) == ["README.md", "app/main.py", "docs/new.md"]


async def test_a_frozen_worker_that_writes_later_does_not_change_what_the_new_owner_has(make_repo, tmp_path):
    repo = await open_repository(make_repo())
    base = await head_commit(repo)
    frozen, owner = (workspace_folder(tmp_path, "run-1", fence) for fence in (1, 2))
    await rebuild(repo, base, frozen, [])
    await rebuild(repo, base, owner, FILES)
    with pytest.raises(WorkbenchError):
        await apply_files(repo, base, frozen, [SourceFile("app/main.py", "print('late')\n")])
    await rebuild(repo, base, frozen, [])
    await apply_files(repo, base, frozen, [SourceFile("app/main.py", "print('late')\n")])
    assert (owner / "app/main.py").read_text() == "print(2)\n"


async def test_files_of_many_rounds_may_change_more_than_one_answer_may(make_repo, tmp_path):
    repo = await open_repository(make_repo())
    files = [SourceFile(f"many/{n}.py", "2\n") for n in range(MAX_FILES + 1)]
    target = workspace_folder(tmp_path, "run-1", 1)
    await rebuild(repo, await head_commit(repo), target, files)
    with pytest.raises(UnsafePath, match="201 files; 200 are allowed"):
        await apply_files(repo, await head_commit(repo), target, files)


async def test_what_would_be_refused_is_known_before_anything_is_written(make_repo, tmp_path, digest):
    repo = await open_repository(make_repo())
    base = await head_commit(repo)
    target = workspace_folder(tmp_path, "run-1", 1)
    await rebuild(repo, base, target, [])
    before = digest(target)
    await check_answer(repo, base, target, [SourceFile("app/main.py", "print(2)\n")])
    for path in ("../x", "conftest.py", "README.MD", "app"):
        with pytest.raises(UnsafePath):
            await check_answer(repo, base, target, [SourceFile(path, "")])
    assert digest(target) == before


async def test_the_folders_above_can_be_passed_but_not_listed(make_repo, tmp_path):
    repo = await open_repository(make_repo())
    target = workspace_folder(tmp_path, "run-1", 1)
    await rebuild(repo, await head_commit(repo), target, [])
    modes = [stat.S_IMODE(p.stat().st_mode) for p in (target.parent.parent, target.parent, target)]
    assert modes == [0o711, 0o711, 0o755]


@pytest.mark.parametrize("path", ["link", "link/x", "sub", "sub/x"])
async def test_an_answer_may_not_replace_a_link_or_a_submodule_of_the_base(
    make_repo, run_git, tmp_path, path
):
    folder = make_repo()
    os.symlink("README.md", folder / "link")
    run_git(folder, "add", "link")
    run_git(
        folder, "update-index", "--add", "--cacheinfo", f"160000,{run_git(folder, 'rev-parse', 'HEAD')},sub"
    )
    run_git(folder, "commit", "-q", "-m", "Link and submodule")
    repo = await open_repository(folder)
    target = workspace_folder(tmp_path, "run-1", 1)
    await rebuild(repo, await head_commit(repo), target, [])
    with pytest.raises(UnsafePath, match="a link or a submodule"):
        await apply_files(repo, await head_commit(repo), target, [SourceFile(path, "x")])


async def test_an_answer_is_applied_within_what_the_project_protects_and_permits(make_repo, tmp_path):
    repo = await open_repository(make_repo())
    head, target = await head_commit(repo), workspace_folder(tmp_path, "run-1", 1)
    await rebuild(repo, head, target, [])
    written = await apply_files(repo, head, target, FILES, permitted=frozenset({"Makefile"}))
    assert [one.created for one in written] == [False, True]
    with pytest.raises(UnsafePath, match="protects"):
        await apply_files(repo, head, target, FILES, protected=["docs"])


async def test_a_removed_workspace_is_gone_and_removing_it_again_is_fine(make_repo, tmp_path):
    repo = await open_repository(make_repo())
    target = workspace_folder(tmp_path, "run-1", 1)
    await rebuild(repo, await head_commit(repo), target, [])
    await remove_workspace(target)
    await remove_workspace(target)
    assert not target.parent.exists()


async def test_a_file_that_is_protected_by_now_is_not_rebuilt(make_repo, tmp_path):
    repo = await open_repository(make_repo())
    target = workspace_folder(tmp_path / "state", "run-1", 1)
    with pytest.raises(UnsafePath, match="the project protects 'docs'"):
        await rebuild(repo, await head_commit(repo), target, FILES, protected=["docs"])
