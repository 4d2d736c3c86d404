"""The same walls for a service that runs as root and for one that does not."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import shutil
import subprocess
import tempfile
import time
import uuid
import venv
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from app.workspace.sandbox import bubblewrap, staging
from app.workspace.sandbox.access import Access
from app.workspace.sandbox.execution import Command, InterpreterUnusable, SandboxUnavailable
from app.workspace.sandbox.interpreter import Layout
from app.workspace.sandbox.sandbox import Sandbox
from app.workspace.sandbox.system_user import NAME, SystemUser, sandbox_user

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.skipif(
    "WORKBENCH_IN_SANDBOX" in os.environ, reason="there is no sandbox inside a sandbox"
)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")

DRIVER = """
import asyncio, json, sys
from pathlib import Path
from app.workspace.sandbox.access import Access
from app.workspace.sandbox.execution import Command, SourceUnusable
from app.workspace.sandbox.sandbox import Sandbox

async def main():
    sandbox = Sandbox()
    probes = (await sandbox.self_test()).probes
    command = Command(("{python}", "-c", "import os; print(sorted(os.listdir()))"), Path(sys.executable))
    execution = await sandbox.run(Path(sys.argv[1]), command)
    (Path.cwd() / "closed" / "secret").chmod(0)
    try:
        await sandbox.run(Path.cwd() / "closed", command)
    except SourceUnusable as error:
        print(error.message, file=sys.stderr)
    print(json.dumps({"failed": [p.detail for p in probes if not p.ok], "output": execution.output}))

asyncio.run(main())
"""


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that every user can read, with the package's own code in it."""
    with tempfile.TemporaryDirectory(prefix="workbench-public-") as folder:
        Path(folder).chmod(0o755)
        shutil.copytree(ROOT / "app", Path(folder) / "app", ignore=shutil.ignore_patterns("__pycache__"))
        for path in Path(folder).rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        (Path(folder) / "closed").mkdir()
        (Path(folder) / "closed" / "secret").write_text("x")
        shutil.chown(Path(folder) / "closed" / "secret", "nobody")
        yield Path(folder)


def owners_of(mark: str) -> set[int]:
    """Users of the shells that run `mark`, as the host sees them."""
    while True:
        for path in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if (path / "cmdline").read_bytes().startswith(b"sh\0-c\0sleep 600; : " + mark.encode()):
                    return {path.stat().st_uid}
        time.sleep(0.01)


@as_root
def test_an_ordinary_user_has_the_same_sandbox(public: Path) -> None:
    if shutil.which("python3", path="/usr/bin") is None:
        pytest.skip("there is no Python that every user can reach")
    argv = ["/usr/bin/python3", "-c", DRIVER, str(public / "app")]
    env = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(argv, cwd=public, env=env, user="nobody", group="nogroup", extra_groups=[],
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["failed"] == []
    assert "errors.py" in found["output"]
    assert "./secret: Cannot open: Permission denied" in done.stderr


@as_root
def test_root_runs_the_sandbox_as_a_user_of_its_own() -> None:
    user = sandbox_user()
    assert user is not None
    assert pwd.getpwnam(NAME).pw_uid == user.uid != 0


@as_root
async def test_root_hands_the_sandbox_to_that_user(tmp_path: Path) -> None:
    mark = str(uuid.uuid4())
    run = asyncio.create_task(Sandbox().run(tmp_path, Command(("sh", "-c", f"sleep 600; : {mark}"))))
    owners = await asyncio.to_thread(owners_of, mark)
    run.cancel()
    assert owners == {pwd.getpwnam(NAME).pw_uid}


@as_root
async def test_an_interpreter_under_a_closed_home_is_reached(tmp_path: Path) -> None:
    """`tmp_path` lies in a folder that only root can enter."""
    home = tmp_path / "closed home"
    home.mkdir(mode=0o700)
    await asyncio.to_thread(venv.create, home / "venv")
    python = home / "venv" / "bin" / "python"
    execution = await Sandbox().run(
        tmp_path, Command(("{python}", "-c", "import sys; print(sys.prefix)"), python)
    )
    assert execution.output == f"{home}/venv\n"


@as_root
async def test_an_environment_that_was_made_anew_at_the_same_path_is_the_one_that_is_shown(
    tmp_path: Path,
) -> None:
    shown, sandbox = tmp_path / "shown", Sandbox()
    command = Command(("cat", str(shown / "file")), access=Access(folders=(shown,)))
    for content in ("first", "second"):
        await asyncio.to_thread(shutil.rmtree, shown, True)
        shown.mkdir(mode=0o755)
        (shown / "file").write_text(content)
        assert (await sandbox.run(tmp_path, command)).output == content


@as_root
async def test_an_environment_that_is_closed_itself_is_refused_with_what_to_do(tmp_path: Path) -> None:
    await asyncio.to_thread(venv.create, tmp_path / "venv")
    (tmp_path / "venv").chmod(0o700)
    with pytest.raises(InterpreterUnusable, match=r"chmod o\+rx"):
        await Sandbox().run(tmp_path, Command(("{python}",), tmp_path / "venv" / "bin" / "python"))


@as_root
def test_a_user_that_is_root_itself_is_refused() -> None:
    with pytest.raises(SandboxUnavailable, match="uid and a gid of its own"):
        sandbox_user("root")


@as_root
def test_a_user_that_can_not_be_created_is_an_error_that_says_why() -> None:
    with pytest.raises(SandboxUnavailable, match="could not be made"):
        sandbox_user("not a valid name!")


def test_mount_points_that_others_can_write_are_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(SandboxUnavailable, match="only root can write"):
        staging.stage(1, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_mount_points_can_be_entered_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        place = staging.stage(2, tmp_path / "stage") / "1"
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in (place.parent, place)] == [0o755, 0o755]


def test_mount_points_that_can_not_be_made_are_an_error_that_says_where(tmp_path: Path) -> None:
    with pytest.raises(SandboxUnavailable, match="can not make a folder"):
        staging.stage(1, tmp_path / "gone" / "stage")


def test_an_ordinary_user_needs_no_other_user() -> None:
    argv = bubblewrap.chain(bubblewrap.tools(False), None, None, 3, ["true"])
    assert argv[1:] == ["--args", "3", "--", "true"]


def test_folders_of_anybody_are_reachable_for_an_ordinary_user(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    closed = Layout(((tmp_path, tmp_path),))
    bubblewrap.require_reachable(closed, None)
    with pytest.raises(InterpreterUnusable):
        bubblewrap.require_reachable(closed, SystemUser(1, 1))
