"""The files of a commit as plain files."""

import os
import stat

import pytest

from app.workspace.checkout import checkout
from app.workspace.files import UnsafePath
from app.workspace.git import GitError
from app.workspace.repository import EmptyRepository, head_commit, open_repository
from app.workspace.writer import WriteFailed, list_files


async def opened(folder):
    repo = await open_repository(folder)
    return repo, await head_commit(repo)


async def test_every_file_is_there_byte_for_byte_and_nothing_of_git(make_repo, tmp_path):
    files = {"README.md": "hi\n", "a b/é.txt": "x\r\n", "deep/er/x.bin": b"\0\xff", "empty": b""}
    repo, head = await opened(make_repo(files))
    await checkout(repo, head, tmp_path / "out" / "files")
    assert list_files(tmp_path / "out" / "files") == sorted(files)
    assert (tmp_path / "out/files/deep/er/x.bin").read_bytes() == b"\0\xff"
    assert (tmp_path / "out/files/a b/é.txt").read_bytes() == b"x\r\n"


async def test_the_repository_stays_byte_for_byte_and_no_filter_or_hook_runs(
    make_repo, plant, digest, tmp_path
):
    folder = make_repo(
        {"a.txt": "$Id$\n", ".gitattributes": "* filter=trap text eol=crlf ident export-subst\n"}
    )
    traces = plant(folder)
    (folder / "a.txt").write_text("dirty\n")
    before = digest(folder)
    repo, head = await opened(folder)
    await checkout(repo, head, tmp_path / "files")
    assert (tmp_path / "files/a.txt").read_bytes() == b"$Id$\n"
    assert os.listdir(traces) == []
    assert digest(folder) == before


async def test_links_become_plain_files_and_submodules_are_left_out(make_repo, run_git, tmp_path, canary):
    folder = make_repo()
    os.symlink(canary / "file.txt", folder / "link")
    os.symlink(canary, folder / "dir")
    run_git(folder, "add", "-A")
    run_git(
        folder, "update-index", "--add", "--cacheinfo", f"160000,{run_git(folder, 'rev-parse', 'HEAD')},sub"
    )
    run_git(folder, "commit", "-q", "-m", "Links")
    repo, head = await opened(folder)
    await checkout(repo, head, tmp_path / "files")
    assert list_files(tmp_path / "files") == ["README.md", "app/main.py", "dir", "link"]
    assert stat.S_ISREG((tmp_path / "files/link").lstat().st_mode)
    assert (tmp_path / "files/link").read_text() == str(canary / "file.txt")


async def test_modes_are_readable_for_the_sandbox_whatever_the_umask_says(make_repo, run_git, tmp_path):
    folder = make_repo({"d/run.sh": "x", "d/a": "y"})
    (folder / "d/run.sh").chmod(0o700)
    run_git(folder, "commit", "-qam", "Executable")
    repo, head = await opened(folder)
    before = os.umask(0o077)
    try:
        await checkout(repo, head, tmp_path / "files")
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / "files" / p).stat().st_mode) for p in (".", "d", "d/run.sh", "d/a")]
    assert modes == [0o755, 0o755, 0o755, 0o644]


async def test_an_older_target_and_what_a_killed_checkout_left_are_replaced(make_repo, tmp_path):
    repo, head = await opened(make_repo())
    (tmp_path / "out/files/old").mkdir(parents=True)
    (tmp_path / "out/.files-0123/half").mkdir(parents=True)
    await checkout(repo, head, tmp_path / "out/files")
    assert os.listdir(tmp_path / "out") == ["files"]
    assert list_files(tmp_path / "out/files") == ["README.md", "app/main.py"]


@pytest.mark.parametrize("kept_bytes", [0.5, 0.0])
async def test_a_checkout_that_meets_a_corrupt_object_leaves_the_older_target_alone(
    make_repo, tmp_path, kept_bytes
):
    folder = make_repo({"a.txt": "fine\n", "z.bin": os.urandom(200_000)})
    repo, head = await opened(folder)
    (tmp_path / "out/files").mkdir(parents=True)
    (tmp_path / "out/files/old").write_text("kept\n")
    blob = max((folder / ".git/objects").glob("??/*"), key=lambda path: path.stat().st_size)
    data = blob.read_bytes()
    blob.unlink()
    if kept_bytes:
        blob.write_bytes(data[: int(len(data) * kept_bytes)])
    with pytest.raises(GitError, match=r"missing|corrupt"):
        await checkout(repo, head, tmp_path / "out/files")
    assert list_files(tmp_path / "out") == ["files/old"]


@pytest.mark.parametrize("name", ["..", ".git", ".GIT"])
async def test_a_crafted_tree_that_names_a_way_out_is_refused(make_repo, run_git, tmp_path, name):
    folder = make_repo()
    blob = run_git(folder, "rev-parse", "HEAD:README.md")
    inner = bytes.fromhex(run_git(folder, "mktree", input=f"100644 blob {blob}\tevil\n"))
    (tmp_path / "tree").write_bytes(b"40000 " + name.encode() + b"\0" + inner)
    tree = run_git(folder, "hash-object", "-t", "tree", "-w", "--literally", str(tmp_path / "tree"))
    commit = run_git(folder, "commit-tree", tree, "-m", "Evil")
    with pytest.raises(UnsafePath, match="leaves its folder"):
        await checkout((await opened(folder))[0], commit, tmp_path / "out/files")
    assert not (tmp_path / "out").exists()


async def test_a_crafted_tree_with_a_file_and_a_folder_of_one_name_is_a_clear_error(
    make_repo, run_git, tmp_path
):
    folder = make_repo()
    blob = run_git(folder, "rev-parse", "HEAD:README.md")
    inner = run_git(folder, "mktree", input=f"100644 blob {blob}\tx\n")
    (tmp_path / "tree").write_bytes(b"100644 a\0" + bytes.fromhex(blob) + b"40000 a\0" + bytes.fromhex(inner))
    tree = run_git(folder, "hash-object", "-t", "tree", "-w", "--literally", str(tmp_path / "tree"))
    commit = run_git(folder, "commit-tree", tree, "-m", "Twice")
    with pytest.raises(WriteFailed, match="can not be checked out"):
        await checkout((await opened(folder))[0], commit, tmp_path / "out/files")
    assert os.listdir(tmp_path / "out") == []


async def test_large_files_are_written_in_several_batches(make_repo, tmp_path):
    repo, head = await opened(make_repo({f"{n}.bin": bytes([n]) * 3_000_000 for n in range(3)}))
    await checkout(repo, head, tmp_path / "files")
    assert [(tmp_path / f"files/{n}.bin").stat().st_size for n in range(3)] == [3_000_000] * 3


async def test_a_repository_without_a_commit_has_nothing_to_check_out(run_git, tmp_path):
    run_git(tmp_path, "init", "-q")
    with pytest.raises(EmptyRepository):
        await opened(tmp_path)
