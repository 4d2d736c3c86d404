"""Three-way merges of files onto a commit that has gone on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from app.workspace.files import SourceFile
from app.workspace.merge import Merge, merge_files
from app.workspace.repository import open_repository

RunGit = Callable[..., str]
BASE: dict[str, str | bytes] = {"a.txt": "1\n2\n3\n4\n5\n6\n7\n", "data.bin": b"\0\1\2", "dir/x": "x\n"}
OURS = "1\n2\n3\n4\n5\n6\nseven\n"


async def merged(
    folder: Path, run_git: RunGit, meanwhile: Mapping[str, str | bytes | None], **files: str
) -> Merge:
    """The files onto what a person committed meanwhile; None removes a file."""
    base = run_git(folder, "rev-parse", "HEAD")
    for name, content in meanwhile.items():
        path = folder / name
        if content is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    run_git(folder, "add", "-A")
    run_git(folder, "commit", "-q", "--allow-empty", "-m", "Go on")
    wanted = [SourceFile(name.replace("__", "/").replace("_", "."), text) for name, text in files.items()]
    return await merge_files(
        await open_repository(folder), base, run_git(folder, "rev-parse", "HEAD"), wanted
    )


async def test_changes_of_other_lines_are_joined(make_repo: Callable[..., Path], run_git: RunGit) -> None:
    done = await merged(make_repo(BASE), run_git, {"a.txt": "one\n2\n3\n4\n5\n6\n7\n"}, a_txt=OURS)
    assert done.files == (SourceFile("a.txt", "one\n2\n3\n4\n5\n6\nseven\n"),)
    assert (done.merged, done.clashes) == (("a.txt",), ())


async def test_files_that_nobody_else_changed_stay_as_they_are(
    make_repo: Callable[..., Path], run_git: RunGit
) -> None:
    done = await merged(make_repo(BASE), run_git, {"other.txt": "new\n"}, a_txt=OURS, new_txt="n\n")
    assert done == Merge((SourceFile("a.txt", OURS), SourceFile("new.txt", "n\n")))


async def test_what_is_there_already_is_no_change_any_more(
    make_repo: Callable[..., Path], run_git: RunGit
) -> None:
    assert await merged(make_repo(BASE), run_git, {"a.txt": OURS}, a_txt=OURS) == Merge(())


@pytest.mark.parametrize(
    ("meanwhile", "file", "why"),
    [
        ({"a.txt": "1\n2\n3\n4\n5\n6\n77\n"}, "a_txt", "both changed the same lines"),
        ({"a.txt": None}, "a_txt", "it was removed there"),
        ({"new.txt": "mine\n"}, "new_txt", "it was added there too"),
        ({"data.bin": b"\0\1\3"}, "data_bin", "both changed the same lines"),
        ({"new.txt/inner": "x\n"}, "new_txt", "there is a folder of that name"),
        ({"new": "x\n"}, "new__x_txt", "there is a file in the place of its folder"),
        ({"NEW.txt": "x\n"}, "new_txt", "only in case"),
    ],
)
async def test_what_clashes_is_named_with_the_reason(
    make_repo: Callable[..., Path], run_git: RunGit, meanwhile: dict[str, str | None], file: str, why: str
) -> None:
    done = await merged(make_repo(BASE), run_git, meanwhile, **{file: "ours\n"})
    [clash] = done.clashes
    assert clash.path == file.replace("__", "/").replace("_", ".")
    assert why in clash.why


async def test_a_link_that_came_in_the_place_of_a_file_is_not_written_through(
    make_repo: Callable[..., Path], run_git: RunGit
) -> None:
    folder = make_repo(BASE)
    (folder / "new.txt").symlink_to("/etc/passwd")
    done = await merged(folder, run_git, {}, new_txt="x\n")
    assert [clash.why for clash in done.clashes] == ["it is a link or a submodule"]


async def test_no_merge_driver_of_the_repository_is_started(
    make_repo: Callable[..., Path], run_git: RunGit, tmp_path: Path
) -> None:
    folder = make_repo(BASE)
    run_git(folder, "config", "merge.trap.driver", f"touch {tmp_path}/driver")
    (folder / ".git/info/attributes").write_text("* merge=trap\n")
    done = await merged(folder, run_git, {"a.txt": "one\n2\n3\n4\n5\n6\n7\n"}, a_txt=OURS)
    assert done.merged == ("a.txt",)
    assert not (tmp_path / "driver").exists()
