"""What a command of the service's own making may reach beyond the sandbox's own files."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.errors import Invalid
from app.workspace.sandbox.access import Access
from app.workspace.sandbox.execution import Command
from app.workspace.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.skipif(
    "WORKBENCH_IN_SANDBOX" in os.environ, reason="there is no sandbox inside a sandbox"
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    return tmp_path / "source"


@pytest.fixture
def listening() -> Iterator[int]:
    """The port of a server of the host."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def inside(sandbox: Sandbox, source: Path, script: str, access: Access) -> str:
    command = Command(("{python}", "-c", script), Path(sys.executable), access=access)
    return (await sandbox.run(source, command)).output.strip()


async def test_a_folder_that_is_shown_can_be_read_and_not_written(
    sandbox: Sandbox, source: Path, tmp_path: Path
) -> None:
    shown = tmp_path / "fonts of the host"
    (shown / "deep").mkdir(parents=True)
    (shown / "deep" / "file").write_text("seen")
    script = f"""
print(open({str(shown / "deep/file")!r}).read())
try: open({str(shown / "new")!r}, "w")
except OSError as error: print(error.strerror)
"""
    assert await inside(sandbox, source, script, Access(folders=(shown,))) == "seen\nRead-only file system"


async def test_only_the_writable_folder_of_the_host_can_be_written(
    sandbox: Sandbox, source: Path, tmp_path: Path
) -> None:
    target = tmp_path / "environment"
    target.mkdir()
    script = f"open({str(target / 'made')!r}, 'w').write('x')"
    assert await inside(sandbox, source, script, Access(writable=target)) == ""
    assert (target / "made").read_text() == "x"
    assert "Read-only file system" in await inside(sandbox, source, script, Access(folders=(target,)))


async def test_the_network_of_the_host_is_reached_only_where_it_is_open(
    sandbox: Sandbox, source: Path, listening: int
) -> None:
    script = f"import socket; print(socket.socket().connect_ex(('127.0.0.1', {listening})))"
    assert await inside(sandbox, source, script, Access()) == "111"
    assert await inside(sandbox, source, script, Access(network=True)) == "0"


async def test_unix_sockets_can_be_made_only_where_that_is_open(sandbox: Sandbox, source: Path) -> None:
    script = """
import socket
for family in (socket.AF_UNIX, socket.AF_NETLINK):
    try: socket.socket(family, socket.SOCK_DGRAM); print("made")
    except OSError: print("refused")
"""
    assert await inside(sandbox, source, script, Access()) == "refused\nrefused"
    assert await inside(sandbox, source, script, Access(unix_sockets=True)) == "made\nrefused"


async def test_sockets_of_the_host_stay_out_of_reach_without_the_network(
    sandbox: Sandbox, source: Path
) -> None:
    name = "\0workbench-test-abstract"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        script = f"import socket; print(socket.socket(socket.AF_UNIX).connect_ex({name!r}))"
        assert await inside(sandbox, source, script, Access(unix_sockets=True)) == "111"


@pytest.mark.parametrize("path", ["/", "/no/such/folder", "relative", "/usr/../etc", "/etc/passwd"])
async def test_what_is_no_folder_by_its_plain_path_is_not_shown(
    sandbox: Sandbox, source: Path, path: str
) -> None:
    with pytest.raises(Invalid, match="inside"):
        await inside(sandbox, source, "", Access(folders=(Path(path),)))
