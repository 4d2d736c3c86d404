"""Other ways to shut a command in: what they have to hold, and that nothing runs bare in their place."""

from __future__ import annotations

import os
import shutil
import sys
import uuid
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.errors import Invalid
from app.settings import ROOT, Settings
from app.workspace.sandbox import bubblewrap, consent, prefixed, probes, seatbelt, staging
from app.workspace.sandbox.access import Access
from app.workspace.sandbox.configured import configured
from app.workspace.sandbox.execution import Command, SandboxUnavailable
from app.workspace.sandbox.interpreter import layout
from app.workspace.sandbox.limits import MIB, Limits
from app.workspace.sandbox.sandbox import Sandbox
from app.workspace.sandbox.system_user import sandbox_user

pytestmark = pytest.mark.skipif(
    "WORKBENCH_IN_SANDBOX" in os.environ, reason="there is no sandbox inside a sandbox"
)
PYTHON = Path(sys.executable)
WALLS = (
    "--unshare-all --die-with-parent --new-session --cap-drop ALL --proc /proc --dev /dev --tmpfs /tmp "
    "--ro-bind-try /proc/sys /proc/sys --ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib "
    "--symlink usr/lib64 /lib64"
)


STAGE = """
stage=$1; shift; n=0
while [ "$1" != -- ]; do mount --bind "$1" "$stage/$n"; n=$((n+1)); shift; done
shift; exec "$@"
"""


def external(*more: str, before: tuple[str, ...] = ()) -> Sandbox:
    """bubblewrap as an operator could call it; as root as the sandbox's own user, for whom the interpreter
    is mounted where that user can reach it."""
    folders, user = layout(PYTHON).folders, sandbox_user()
    places = [path for path, _ in folders]
    as_user: list[str] = []
    if user:
        stage = staging.stage(len(folders))
        places = [stage / str(number) for number in range(len(folders))]
        mounts = ["unshare", "--mount", "--propagation", "private", "sh", "-c", STAGE]
        identity = ["setpriv", f"--reuid={user.uid}", f"--regid={user.gid}", "--clear-groups"]
        as_user = [*mounts, "sh", str(stage), *(str(real) for real, _ in folders), "--", *identity]
    shown = [
        part
        for place, (_, path) in zip(places, folders, strict=True)
        for part in ("--ro-bind", str(place), str(path))
    ]
    shown += ["--bind", "{folder}", "{folder}", "--remount-ro", "/", "--remount-ro", "/dev"]
    prefix = [*as_user, *before, "bwrap", *WALLS.split(), *shown, *more, "--"]
    return Sandbox("external", prefix=tuple(prefix))


@pytest.fixture(scope="module")
def held() -> Sandbox:
    return external()


async def test_an_external_sandbox_whose_walls_hold_runs_commands(held: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("print('ran')")
    found = await held.self_test()
    assert found.ok, found.summary()
    assert {probe.name for probe in found.probes if not probe.required} == {
        "capabilities",
        "seccomp",
        "user_namespaces",
        "unix_sockets",
    }
    argv = ("{python}", "-c", "open(__import__('sys').argv[1], 'w').write('<x/>'); import app", "{junit}")
    execution = await held.run(tmp_path, Command(argv, PYTHON))
    assert (execution.output, execution.junit, execution.exit_code) == ("ran\n", b"<x/>", 0)
    assert sorted(os.listdir(tmp_path)) == ["app.py"]


async def test_nothing_of_a_run_is_left_on_the_host(held: Sandbox, tmp_path: Path) -> None:
    mark = str(uuid.uuid4())
    script = f"echo {mark} > kept; pwd; setsid sleep 600 </dev/null >/dev/null 2>&1 &"
    execution = await held.run(tmp_path, Command(("sh", "-c", script)))
    assert not os.path.exists(execution.output.strip())  # noqa: ASYNC240 - one stat of a local folder


@pytest.mark.parametrize(
    ("more", "probe"),
    [
        (("--share-net",), "network"),
        (("--bind", "/", "/"), "read_outside"),
    ],
)
async def test_an_external_sandbox_with_a_hole_runs_nothing(
    tmp_path: Path, more: tuple[str, ...], probe: str
) -> None:
    sandbox = external(*more)
    with pytest.raises(SandboxUnavailable, match="not safe here") as caught:
        await sandbox.run(tmp_path, Command(("touch", str(tmp_path / "ran"))))
    assert probe in caught.value.details["probes"], caught.value.message
    assert not (tmp_path / "ran").exists()


async def test_an_external_sandbox_with_a_secret_in_its_environment_runs_nothing(
    tmp_path: Path,
) -> None:
    with pytest.raises(SandboxUnavailable, match="parent_environment: WORKBENCH_KEY"):
        await external(before=("env", "WORKBENCH_KEY=x")).run(tmp_path, Command(("true",)))


async def test_an_external_sandbox_that_shuts_nothing_in_runs_nothing(tmp_path: Path) -> None:
    sandbox = Sandbox("external", prefix=("env",))
    with pytest.raises(SandboxUnavailable) as caught:
        await sandbox.run(tmp_path, Command(("touch", str(tmp_path / "ran"))))
    assert {"network", "read_outside"} <= set(caught.value.details["probes"])
    assert not any(os.path.exists(path) for path in probes.OUTSIDE)  # noqa: ASYNC240 - no disk is slow here
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("prefix", "said"),
    [((), "WORKBENCH_SANDBOX_COMMAND"), (("no-such-sandbox",), "not installed"), (("false",), "not safe")],
)
async def test_an_external_sandbox_that_is_not_there_is_an_error(
    tmp_path: Path, prefix: tuple[str, ...], said: str
) -> None:
    with pytest.raises(SandboxUnavailable, match=said):
        await Sandbox("external", prefix=prefix).run(tmp_path, Command(("true",)))


async def test_an_external_sandbox_opens_nothing_for_a_set_up(held: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(SandboxUnavailable, match="make the environment by hand"):
        await held.run(tmp_path, Command(("true",), access=Access(network=True)))


async def test_without_walls_a_command_runs_only_when_that_was_accepted_and_the_result_says_so(
    tmp_path: Path,
) -> None:
    command = Command(("sh", "-c", "echo ran"))
    with pytest.raises(SandboxUnavailable, match="switched off"):
        await Sandbox("none").run(tmp_path, command)
    execution = await Sandbox("none", accepted=True).run(tmp_path, command)
    assert execution.unsandboxed
    assert execution.output == "ran\nran WITHOUT a sandbox, as this process was told to on its command line\n"


async def test_without_walls_the_source_time_files_and_processes_are_still_kept(tmp_path: Path) -> None:
    bare = Sandbox("none", accepted=True)
    mark = f"600.{uuid.uuid4().int % 10**9:09d}"
    daemon = f"setsid sleep {mark} </dev/null >/dev/null 2>&1 & touch here; sleep {mark}"
    execution = await bare.run(tmp_path, Command(("sh", "-c", daemon)), Limits(wall_s=0.5))
    assert execution.ended == "timeout"
    assert os.listdir(tmp_path) == []
    assert mark not in command_lines()
    filler = Command(("sh", "-c", "head -c 8000000 /dev/zero > large; sleep 600"))
    full = await bare.run(tmp_path, filler, Limits(work_bytes=MIB))
    assert full.ended == "files"


def command_lines() -> str:
    """Of all processes of the host."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(path.read_text("utf-8", "replace"))
    return "\n".join(found)


async def test_a_summary_without_walls_says_it_plainly() -> None:
    found = await Sandbox("none", accepted=True).self_test()
    assert "there is NO sandbox" in found.summary()


def test_the_folder_of_a_run_can_be_entered_by_name_only() -> None:
    with ExitStack() as stack:
        folder = prefixed.throw_away(stack)
        assert folder.parent.stat().st_mode & 0o777 == 0o711
        assert len(folder.name) == 32
    assert not folder.parent.exists()


@pytest.mark.parametrize("value", ["none", "off", "landlock", ""])
def test_no_setting_switches_the_sandbox_off(
    monkeypatch: pytest.MonkeyPatch, value: str, tmp_path: Path
) -> None:
    monkeypatch.setenv("WORKBENCH_SANDBOX_MODE", value)
    monkeypatch.setenv("WORKBENCH_I_ACCEPT_UNSANDBOXED_EXECUTION", "true")
    if value:
        with pytest.raises(ValidationError, match="sandbox_mode"):
            Settings(_env_file=None)
    else:
        assert configured(Settings(_env_file=None)).mode == "bwrap"
    (tmp_path / ".env").write_text("WORKBENCH_SANDBOX_MODE=none\n")
    monkeypatch.delenv("WORKBENCH_SANDBOX_MODE")
    with pytest.raises(ValidationError, match="sandbox_mode"):
        Settings(_env_file=tmp_path / ".env")


def test_only_the_option_of_the_command_line_gives_the_consent() -> None:
    """Nobody else may call it: a route or a row that could would be a way out."""
    found = [path for path in (ROOT / "app").rglob("*.py") if "consent.give()" in path.read_text()]
    assert [path.relative_to(ROOT).as_posix() for path in found] == ["app/cli/options.py"]
    assert not consent.given()


def test_the_command_of_an_external_sandbox_is_split_like_a_shell_does() -> None:
    given = Settings(sandbox_mode="external", sandbox_command="run 'a b' {folder}", _env_file=None)
    assert configured(given).mode == "external"
    broken = Settings(sandbox_mode="external", sandbox_command="run 'a", _env_file=None)
    with pytest.raises(Invalid, match="WORKBENCH_SANDBOX_COMMAND"):
        configured(broken)


async def test_the_sandbox_of_macos_refuses_on_other_systems(tmp_path: Path) -> None:
    if sys.platform == "darwin":
        pytest.skip("this is macOS")
    with pytest.raises(SandboxUnavailable, match="a program of macOS"):
        await Sandbox("sandbox-exec").run(tmp_path, Command(("true",)))


def test_the_profile_of_macos_denies_what_it_does_not_allow() -> None:
    text = seatbelt.profile(Path("/private/tmp/x"), [Path("/opt/py")], Access())
    assert text.splitlines()[:2] == ["(version 1)", "(deny default)"]
    assert "network" not in text
    assert '(allow file-read* file-write* (subpath "/private/tmp/x"))' in text
    assert '(subpath "/opt/py")' in text
    assert text.count("file-write*") == 1


def test_the_profile_of_macos_opens_only_what_is_given() -> None:
    access = Access(network=True, writable=Path("/env"), folders=(Path("/fonts"),))
    text = seatbelt.profile(Path("/x"), [], access)
    assert "(allow network*)" in text
    assert '(allow file-read* file-write* (subpath "/x") (subpath "/env"))' in text
    assert '(subpath "/fonts")' in text


def test_a_path_can_not_leave_its_string_in_the_profile_of_macos() -> None:
    text = seatbelt.profile(Path('/x") (allow network*) ("\\'), [], Access())
    assert '(subpath "/x\\") (allow network*) (\\"\\\\")' in text


def test_the_command_of_macos_is_put_behind_its_profile() -> None:
    assert seatbelt.prefix(Path("/x"), [], Access())[:2] == ("/usr/bin/sandbox-exec", "-p")
    limited = prefixed.limited(Limits(processes=7, cpu_s=9), "darwin")
    assert limited[:2] == ["/bin/sh", "-c"]
    assert "ulimit -u 7; ulimit -t 9;" in limited[2]
    assert limited[2].endswith('exec "$@"')


def test_the_environment_inside_holds_nothing_of_the_service(tmp_path: Path) -> None:
    made = prefixed.launch(("wrap",), tmp_path, Command(("true",)), Limits(), 0)
    assert made.argv[:3] == ("wrap", "/usr/bin/env", "-i")
    assert dict(made.env) == bubblewrap.OUTER_ENV
    assert shutil.which("env") is not None
