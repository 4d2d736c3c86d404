"""Writing the files of an answer: all or none, and never out of the folder."""

import errno
import hashlib
import itertools
import os
import resource
import socket
import stat
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from app.workspace.beneath import open_beneath, open_root
from app.workspace.files import SourceFile, UnsafePath, latest
from app.workspace.placement import place, stage, undo, verify
from app.workspace.writer import WriteFailed, list_files, write_files


@pytest.fixture
def root(tmp_path, canary):
    folder = tmp_path / "files"
    (folder / "app").mkdir(parents=True)
    (folder / "app" / "main.py").write_text("old\n")
    return folder


def refusal(root, *paths, **options):
    with pytest.raises(UnsafePath) as caught:
        write_files(
            root, [SourceFile("fresh/one.py", "1"), *(SourceFile(p, "new\n") for p in paths)], **options
        )
    assert list_files(root / "fresh") == [], "a refused answer leaves nothing"
    return caught.value.reason


def test_files_are_written_with_new_folders_and_reported(root):
    made, changed = write_files(root, [SourceFile("a/b/c.py", "x = 1\n"), SourceFile("app/main.py", "new\n")])
    assert (root / "a/b/c.py").read_text() == "x = 1\n"
    assert (made.path, made.size, made.created, changed.created) == ("a/b/c.py", 6, True, False)
    assert made.sha256 == hashlib.sha256((root / "a/b/c.py").read_bytes()).hexdigest()
    assert list_files(root) == ["a/b/c.py", "app/main.py"]


def test_line_ends_become_lf_and_text_becomes_utf8(root):
    write_files(root, [SourceFile("a.txt", "é\r\nb\rc\n")])
    assert (root / "a.txt").read_bytes() == "é\nb\nc\n".encode()


def test_a_lone_surrogate_in_the_content_is_refused(root):
    with pytest.raises(UnsafePath, match="lone surrogate at character 1"):
        write_files(root, [SourceFile("a.txt", "x\ud800")])


@pytest.mark.abuse(21)
def test_a_new_file_is_0644_and_its_folders_0755_whatever_the_umask_says(root):
    before = os.umask(0o077)
    try:
        write_files(root, [SourceFile("x/y.py", "1")])
    finally:
        os.umask(before)
    assert stat.S_IMODE((root / "x/y.py").stat().st_mode) == 0o644
    assert stat.S_IMODE((root / "x").stat().st_mode) == 0o755


@pytest.mark.abuse(21)
def test_the_old_permission_bits_stay_but_never_setuid(root):
    (root / "app/main.py").chmod(0o4755)
    write_files(root, [SourceFile("app/main.py", "new\n")])
    assert stat.S_IMODE((root / "app/main.py").stat().st_mode) == 0o755


def test_one_bad_path_keeps_all_others_from_being_written(root):
    assert refusal(root, "../x") == "traversal"
    assert refusal(root, "app/main.py", "conftest.py") == "build_file"
    assert refusal(root, "a.py", "A.py") == "duplicate"
    assert (root / "app/main.py").read_text() == "old\n"


def test_protected_paths_are_refused_and_permitted_control_files_are_written(root):
    assert refusal(root, "app/secret.py", protected=["app/s*"]) == "protected"
    write_files(root, [SourceFile("tests/conftest.py", "")], permitted=frozenset({"conftest.py"}))
    assert (root / "tests/conftest.py").exists()


@pytest.mark.abuse(10)
@pytest.mark.parametrize("path", ["link/x.py", "link/deep/x.py", "inner/x.py"])
def test_a_link_in_a_parent_is_refused(root, canary, path):
    (root / "link").symlink_to(canary)
    (root / "inner").symlink_to(root / "app")
    assert refusal(root, path) in ("link", "file_and_folder")


@pytest.mark.abuse(10)
def test_a_link_as_the_target_is_refused(root, canary):
    (root / "target.txt").symlink_to(canary / "file.txt")
    (root / "dangling.txt").symlink_to(canary / "new.txt")
    assert refusal(root, "target.txt") == "not_a_file"
    assert refusal(root, "dangling.txt") == "not_a_file"


@pytest.mark.abuse(13)
@pytest.mark.skipif("WORKBENCH_IN_SANDBOX" in os.environ, reason="a sandbox has no Unix sockets")
def test_a_fifo_a_socket_a_folder_as_the_target_are_refused_without_a_hang(root, monkeypatch):
    os.mkfifo(root / "fifo")
    (root / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(root)  # the path of a socket is short
        server.bind("sock")
        assert {refusal(root, name) for name in ("fifo", "folder", "sock")} == {"not_a_file"}
    assert refusal(root, "fifo/x") in ("link", "file_and_folder")


@pytest.mark.abuse(13)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_a_device_as_the_target_is_refused(root):
    try:
        os.mknod(root / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("this container makes no devices")
    assert refusal(root, "null") == "not_a_file"


@pytest.mark.abuse(12)
def test_a_hard_link_to_a_file_outside_is_replaced_not_written_through(root, tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_text("keep\n")
    os.link(outside, root / "hard.txt")
    write_files(root, [SourceFile("hard.txt", "new\n")])
    assert (outside.read_text(), (root / "hard.txt").read_text()) == ("keep\n", "new\n")
    assert outside.stat().st_nlink == 1


@pytest.mark.abuse(11)
def test_a_folder_swapped_for_a_link_during_the_writes_never_leads_out(root, canary):
    stop = threading.Event()
    (root / "race").mkdir()

    def swap():
        for n in itertools.count():
            if stop.is_set():
                return
            with suppress(OSError):  # the writer may have made the folder anew
                os.rename(root / "race", root / f"aside-{n}")
                os.symlink(canary, root / "race")
                os.unlink(root / "race")
                os.rename(root / f"aside-{n}", root / "race")

    thread = threading.Thread(target=swap)
    thread.start()
    outcomes = []
    for n in range(300):
        try:
            write_files(root, [SourceFile("race/file.txt", f"{n}\n")])
            outcomes.append("written")
        except (UnsafePath, WriteFailed) as error:
            outcomes.append(error.code)
    stop.set()
    thread.join()
    assert len(outcomes) == 300
    assert sorted(os.listdir(canary)) == ["file.txt"]
    assert (canary / "file.txt").read_text() == "keep\n"


def test_a_failure_half_way_restores_every_file_and_folder(root, digest, tmp_path):
    (root / "b.txt").write_text("old b\n")
    before = {path: (root / path).read_text() for path in list_files(root)}
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limit[1]))
    try:
        with pytest.raises(WriteFailed, match="none was changed"):
            write_files(
                root,
                [SourceFile("app/main.py", "x"), SourceFile("n/e/w", "x"), SourceFile("b.txt", "x" * 9000)],
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert {path: (root / path).read_text() for path in list_files(root)} == before
    assert not (root / "n").exists()


def test_a_file_that_changed_after_its_rename_is_noticed(root):
    descriptor = open_root(root)
    step = stage(descriptor, "app/main.py", b"new\n", [])
    place(step)
    verify(descriptor, step)
    (root / "app/main.py").write_text("something else\n")
    with pytest.raises(UnsafePath, match="changed it during the write"):
        verify(descriptor, step)
    undo(descriptor, [step], [])
    assert (root / "app/main.py").read_text() == "old\n"
    os.close(step.folder)
    os.close(descriptor)


def test_a_workspace_that_is_gone_is_a_clear_error(tmp_path):
    with pytest.raises(WriteFailed, match="rebuild it"):
        write_files(tmp_path / "nothing", [SourceFile("a", "b")])


@pytest.mark.abuse(1, 2, 10)
def test_opening_beneath_a_folder_refuses_every_way_out(root, canary):
    (root / "link").symlink_to(canary)
    descriptor = open_root(root)
    for path, code in (
        ("../canary/file.txt", errno.EXDEV),
        ("/etc/passwd", errno.EXDEV),
        ("link/file.txt", errno.ELOOP),
    ):
        with pytest.raises(OSError) as caught:  # noqa: PT011  the code is the point
            open_beneath(descriptor, path, os.O_RDONLY)
        assert caught.value.errno == code
    os.close(descriptor)


WITHOUT_OPENAT2 = """
import ctypes, sys
from pathlib import Path
from app.workspace.files import SourceFile
from app.workspace.placement import place, stage, undo, verify
from app.workspace.writer import write_files
ctypes.CDLL(None).personality(8)  # the kernel now calls itself 32-bit
write_files(Path(sys.argv[1]), [SourceFile("app/main.py", "new")])
"""


def test_without_openat2_nothing_is_written_and_the_error_says_what_is_needed(root):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_OPENAT2, str(root)],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
    )
    assert "Unavailable: this system has no openat2" in done.stderr
    assert (root / "app/main.py").read_text() == "old\n"


def test_a_later_round_replaces_the_file_of_an_earlier_one():
    rounds = [[SourceFile("b", "1"), SourceFile("a", "1")], [SourceFile("./b", "2")]]
    assert latest(rounds) == (SourceFile("a", "1"), SourceFile("b", "2"))
