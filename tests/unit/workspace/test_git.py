"""How git is called: a constructed environment, limits, and processes that end."""

import asyncio
import os
import stat
import subprocess
from pathlib import Path

import pytest

from app.errors import Unavailable
from app.workspace.git import Caller, GitError, caller_for, git, git_process, git_text
from app.workspace.repository import open_repository


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """`stand_in(script)` puts a shell script in the place of git."""

    def put(script):
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "git").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "git").chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))
        return Caller(tmp_path)

    return put


async def test_nothing_of_the_service_s_environment_reaches_git(stand_in, monkeypatch):
    monkeypatch.setenv("WORKBENCH_ANTHROPIC_API_KEY", "secret")
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    seen = await git_text(stand_in("/usr/bin/env"), "status")
    names = {line.split("=")[0] for line in seen.splitlines()} - {"PWD", "_", "SHLVL", "OLDPWD"}
    assert "secret" not in seen
    assert names == {
        "PATH", "HOME", "LANG", "LC_ALL", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_GLOBAL", "GIT_TERMINAL_PROMPT",
        "GIT_ALLOW_PROTOCOL", "GIT_LITERAL_PATHSPECS", "GIT_OPTIONAL_LOCKS", "GIT_NO_REPLACE_OBJECTS",
        "GIT_NO_LAZY_FETCH", "GIT_ATTR_NOSYSTEM", "GIT_PAGER", "GIT_EDITOR",
    }  # fmt: skip


@pytest.mark.abuse(6, 18)
async def test_hooks_monitors_and_every_transport_are_off_on_each_command(stand_in):
    given = await git_text(stand_in('echo "$@"'), "status")
    for flag in ("safe.bareRepository=explicit", "core.hooksPath=/dev/null", "core.fsmonitor=false",
                 "core.symlinks=false", "protocol.allow=never", "submodule.recurse=false",
                 "commit.gpgSign=false", "core.attributesFile=/dev/null", "gc.auto=0"):  # fmt: skip
        assert f"-c {flag}" in given


async def test_a_failure_names_the_verb_the_code_and_git_s_words_without_control_characters(stand_in):
    with pytest.raises(GitError, match=r"git fsck failed \(3\): bad \\x1b\[31m thing") as caught:
        await git(stand_in("printf 'bad \\033[31m thing' >&2; exit 3"), "fsck")
    assert caught.value.returncode == 3


async def test_output_past_the_limit_and_a_passed_deadline_are_errors(stand_in):
    caller = stand_in(
        'if [ "$HANG" ]; then /bin/sleep 60; else while :; do echo yyyyyyyyyyyyyyyyyy; done; fi'
    )
    with pytest.raises(GitError, match="more than 1000 bytes"):
        await git(caller, "log", limit=1000)
    with pytest.raises(GitError, match="did not end within"):
        await git(caller, "log", timeout_s=0.05, env={"HANG": "1"})


async def test_a_cancelled_command_leaves_no_process_of_its_group(stand_in):
    caller = stand_in("/bin/sleep 300 & echo $!; wait")
    async with git_process(caller, "log") as process:
        child = int(await process.stdout.readline())
    assert process.returncode == -9
    async with asyncio.timeout(30):
        while is_alive(child):  # noqa: ASYNC110  another process ends, no event tells
            await asyncio.sleep(0.01)


def is_alive(pid):
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_a_process_that_reads_nothing_does_not_block_the_caller(stand_in):
    assert await git(stand_in("exec 0<&-; echo done"), "hash-object", stdin=b"x" * 1_000_000) == b"done\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may start git as anybody")
async def test_a_user_that_can_not_be_taken_on_is_a_clear_error(tmp_path):
    with pytest.raises(GitError, match="can not be started as user 12345"):
        await git(Caller(tmp_path, 12345, 12345), "status")


async def test_a_missing_git_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="apt-get install git"):
        await git(Caller(tmp_path), "status")


@pytest.mark.abuse(6)
async def test_the_flags_stop_what_the_repository_configures(make_repo, plant):
    folder = make_repo()
    traces = plant(folder)
    await git(
        (await open_repository(folder)).git,
        "diff-tree",
        "-p",
        "--root",
        "--no-ext-diff",
        "--no-textconv",
        "HEAD",
    )
    assert os.listdir(traces) == []


async def test_a_missing_object_is_never_fetched_by_a_command_that_the_repository_names(
    make_repo, run_git, tmp_path
):
    folder = make_repo()
    trap = {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "trap",
        "remote.trap.promisor": "true",
        "remote.trap.url": f"ext::sh -c touch% {tmp_path}/trace",
        "protocol.ext.allow": "always",
    }
    for key, value in trap.items():
        run_git(folder, "config", key, value)
    blob = run_git(folder, "rev-parse", "HEAD:README.md")
    (folder / ".git/objects" / blob[:2] / blob[2:]).unlink()
    repo = await open_repository(folder)
    with pytest.raises(GitError):
        await git(repo.git, "cat-file", "blob", blob)
    assert not (tmp_path / "trace").exists()
    with pytest.raises(subprocess.CalledProcessError):
        run_git(folder, "cat-file", "blob", blob)
    assert (tmp_path / "trace").exists(), "the trap works for a person"


async def test_a_command_that_complains_a_lot_still_succeeds(stand_in):
    assert (
        await git(stand_in("seq 1 200000 >&2; echo done".replace("seq", "/usr/bin/seq")), "gc") == b"done\n"
    )


async def test_the_service_s_own_repository_is_worked_on_as_the_service(make_repo):
    caller = caller_for(make_repo() / ".git")
    assert (caller.user, caller.group) == (None, None)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can work for somebody else")
async def test_root_works_on_a_foreign_repository_as_its_owner(foreign_repo):
    repo = await open_repository(foreign_repo)
    name = (await git(repo.git, "hash-object", "-w", "--stdin", stdin=b"new")).decode().strip()
    made = foreign_repo / ".git" / "objects" / name[:2] / name[2:]
    assert (made.stat().st_uid, made.stat().st_gid) == (12345, 12345)
    assert stat.S_ISREG(made.stat().st_mode)
