"""Pushes to real remotes: what arrives, what is refused, and what never leaves."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.errors import Invalid, WorkbenchError
from app.workspace.access import GitAccess
from app.workspace.push import PushFailed, RemoteBranchExists, RemoteIsEmpty, push_commit
from app.workspace.remote import RemoteNotAllowed, read_remote
from app.workspace.repository import Repository, open_repository
from tests.remotes.http import TOKEN, USER, GitServer, bare, refs, served
from tests.remotes.ssh import MISSING, SSHD, ssh_server

BRANCH = "workbench/11111111-2222-3333-4444-555555555555"
SECRETS = (
    TOKEN,
    base64.b64encode(f"{USER}:{TOKEN}".encode()).decode(),
    base64.b64encode(TOKEN.encode()).decode(),
)
RunGit = Callable[..., str]


@pytest.fixture
def project(make_repo: Callable[..., Path], run_git: RunGit) -> Path:
    """A repository with a commit of a run on its branch."""
    folder = make_repo()
    run_git(folder, "branch", BRANCH)
    tree = run_git(folder, "rev-parse", "HEAD^{tree}")
    made = run_git(folder, "commit-tree", tree, "-p", "HEAD", "-m", "Made by a run")
    run_git(folder, "update-ref", f"refs/heads/{BRANCH}", made)
    return folder


@pytest.fixture
def server(
    tmp_path: Path, make_repo: Callable[..., Path], project: Path, run_git: RunGit
) -> Iterator[GitServer]:
    with served(tmp_path / "remotes", copied_from=project) as one:
        run_git(one.root / "shop.git", "update-ref", "-d", f"refs/heads/{BRANCH}")
        yield one


@pytest.fixture
def access(server: GitServer) -> GitAccess:
    return GitAccess(username=USER, token=TOKEN, token_host=server.host, timeout_s=20)


@pytest.fixture
def commit(project: Path, run_git: RunGit) -> str:
    return run_git(project, "rev-parse", BRANCH)


async def push(project: Path, url: str, commit: str, access: GitAccess, branch: str = BRANCH) -> None:
    repo: Repository = await open_repository(project)
    await push_commit(repo, read_remote(url), branch, commit, access)


async def failing(project: Path, url: str, commit: str, access: GitAccess) -> WorkbenchError:
    """The error of a push, which says nothing of the token in whatever form."""
    with pytest.raises(WorkbenchError) as caught:
        await push(project, url, commit, access)
    texts = [str(caught.value), str(caught.value.details), repr(caught.value.__cause__), repr(access)]
    assert not [secret for secret in SECRETS for text in texts if secret in text]
    return caught.value


async def test_the_branch_of_the_run_arrives_and_nothing_else(
    project: Path, server: GitServer, access: GitAccess, commit: str, digest: Callable[[Path], str]
) -> None:
    before, mine = refs(server.root / "shop.git"), digest(project)
    await push(project, server.url(), commit, access)
    assert refs(server.root / "shop.git") == {**before, BRANCH: commit}
    assert digest(project) == mine


async def test_a_second_push_of_the_same_commit_sends_nothing(
    project: Path, server: GitServer, access: GitAccess, commit: str
) -> None:
    await push(project, server.url(), commit, access)
    server.asked.clear()
    await push(project, server.url(), commit, access)
    assert not [path for path, _ in server.asked if "receive-pack" in path]


async def test_a_branch_that_somebody_moved_there_stays_as_it_is(
    project: Path, server: GitServer, access: GitAccess, commit: str, run_git: RunGit
) -> None:
    """Also where git would only have to go forward."""
    there = server.root / "shop.git"
    run_git(there, "update-ref", f"refs/heads/{BRANCH}", run_git(project, "rev-parse", "main"))
    error = await failing(project, server.url(), commit, access)
    assert isinstance(error, RemoteBranchExists)
    assert refs(there)[BRANCH] == run_git(project, "rev-parse", "main")


async def test_an_empty_remote_is_not_given_a_default_branch(
    project: Path, server: GitServer, access: GitAccess, commit: str
) -> None:
    empty = bare(server.root, "empty.git")
    assert isinstance(await failing(project, server.url("empty.git"), commit, access), RemoteIsEmpty)
    assert refs(empty) == {}


async def test_the_default_branch_of_the_remote_is_never_pushed_to(
    project: Path, server: GitServer, access: GitAccess, commit: str, run_git: RunGit
) -> None:
    there = server.root / "shop.git"
    run_git(there, "update-ref", f"refs/heads/{BRANCH}", commit)
    run_git(there, "symbolic-ref", "HEAD", f"refs/heads/{BRANCH}")
    assert isinstance(await failing(project, server.url(), commit, access), RemoteBranchExists)


@pytest.mark.parametrize(
    "branch", ["main", "workbench/x", "-x", "workbench/../main", "workbench/+main", "HEAD"]
)
async def test_only_the_branch_of_a_run_is_pushed(
    project: Path, server: GitServer, access: GitAccess, commit: str, branch: str
) -> None:
    with pytest.raises(Invalid):
        await push(project, server.url(), commit, access, branch)
    assert server.asked == []


async def test_a_hook_of_the_remote_that_refuses_is_quoted(
    project: Path, server: GitServer, access: GitAccess, commit: str
) -> None:
    hook = server.root / "shop.git" / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho not on a Friday >&2\nexit 1\n")
    hook.chmod(0o755)
    error = await failing(project, server.url(), commit, access)
    assert isinstance(error, PushFailed)
    assert "not on a Friday" in error.message
    assert BRANCH not in refs(server.root / "shop.git")


async def test_a_remote_that_is_down_is_named(project: Path, tmp_path: Path, commit: str) -> None:
    with GitServer(tmp_path) as gone:
        url = gone.url()
    assert url in (await failing(project, url, commit, GitAccess())).message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"token": None}, "set WORKBENCH_GIT_TOKEN"),
        ({"token": "wrong"}, "check that WORKBENCH_GIT_TOKEN is valid"),
        ({"token_host": "elsewhere.example"}, "the token is for elsewhere.example"),
        ({"token_host": None}, "the token is for no host"),
    ],
)
async def test_a_push_that_is_not_let_in_says_which_setting_is_missing(
    project: Path, server: GitServer, access: GitAccess, commit: str, change: dict[str, str | None], said: str
) -> None:
    error = await failing(project, server.url(), commit, replace(access, **change))
    assert said in error.message
    if change.keys() & {"token_host"}:
        assert {given for _, given in server.asked} == {None}


async def test_a_server_that_repeats_the_token_does_not_bring_it_into_the_error(
    project: Path, server: GitServer, access: GitAccess, commit: str
) -> None:
    server.echo = True
    assert "[secret]" in (await failing(project, server.url(), commit, access)).message


async def test_a_redirect_gets_neither_the_token_nor_the_branch(
    project: Path, server: GitServer, access: GitAccess, commit: str, tmp_path: Path
) -> None:
    with GitServer(tmp_path / "other") as other:
        server.redirect_to = f"http://{other.host}"
        await failing(project, server.url(), commit, access)
        assert other.asked == []


async def test_a_remote_that_is_too_slow_is_given_up_and_its_git_is_gone(
    project: Path, server: GitServer, access: GitAccess, commit: str
) -> None:
    server.slow_s = 3.0
    error = await failing(project, server.url(), commit, replace(access, timeout_s=0.5))
    assert "did not end within 0.5 s" in error.message
    assert not [line for line in _commands() if server.host in line]


async def test_nothing_that_the_repository_configures_takes_part(
    project: Path,
    server: GitServer,
    access: GitAccess,
    commit: str,
    plant: Callable[[Path], Path],
    run_git: RunGit,
) -> None:
    traces = plant(project)
    (project / ".git/hooks/pre-push").write_text(f"#!/bin/sh\ntouch {traces}/pre-push\nexit 1\n")
    (project / ".git/hooks/pre-push").chmod(0o755)
    for key, value in {
        "credential.helper": f"!touch {traces}/helper; echo",
        "url.http://127.0.0.1:9/.pushInsteadOf": server.url(),
        "url.http://127.0.0.1:9/evil.insteadOf": server.url(),
        "http.proxy": "http://127.0.0.1:9",
        "http.extraHeader": "X-Mine: 1",
        "core.askPass": f"touch {traces}/askpass",
        "push.followTags": "true",
        "push.gpgSign": "true",
    }.items():
        run_git(project, "config", key, value)
    before = sorted(path.name for path in traces.iterdir())  # what the person's own git left
    await push(project, server.url(), commit, access)
    assert refs(server.root / "shop.git")[BRANCH] == commit
    assert sorted(path.name for path in traces.iterdir()) == before


async def test_the_token_is_in_no_argument_of_any_process(
    project: Path,
    server: GitServer,
    access: GitAccess,
    commit: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A git in front of the real one writes its arguments down."""
    seen = tmp_path / "seen"
    (tmp_path / "bin").mkdir()
    wrapper = tmp_path / "bin" / "git"
    wrapper.write_text(f'#!/bin/sh\necho "$@" >> {seen}\nexec {shutil.which("git")} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")
    await push(project, server.url(), commit, access)
    assert " push " in seen.read_text()
    assert not [secret for secret in SECRETS if secret in seen.read_text()]


async def test_a_shallow_clone_can_be_pushed_from(
    project: Path, server: GitServer, access: GitAccess, tmp_path: Path, run_git: RunGit
) -> None:
    for text in ("Second", "Third"):
        run_git(project, "commit", "-q", "--allow-empty", "-m", text)
    run_git(server.root / "shop.git", "fetch", "-q", str(project), "+main:main")
    run_git(tmp_path, "clone", "-q", "--depth=1", f"file://{project}", "clone")
    run_git(tmp_path / "clone", "commit", "-q", "--allow-empty", "-m", "Made by a run")
    made = run_git(tmp_path / "clone", "rev-parse", "HEAD")
    await push(tmp_path / "clone", server.url(), made, access)
    assert refs(server.root / "shop.git")[BRANCH] == made


async def test_a_link_in_the_place_of_the_list_of_a_shallow_clone_is_not_read(
    project: Path, server: GitServer, access: GitAccess, tmp_path: Path, commit: str
) -> None:
    """Git would quote it, also where only the service may read it."""
    (tmp_path / "key").write_text("what nobody else may read\n")
    (project / ".git/shallow").symlink_to(tmp_path / "key")
    await push(project, server.url(), commit, access)


@pytest.mark.skipif(SSHD is None, reason=MISSING)
async def test_over_ssh_with_a_key_of_its_own_and_only_to_a_known_host(
    project: Path, tmp_path: Path, commit: str, run_git: RunGit
) -> None:
    there = bare(tmp_path, copied_from=project)
    run_git(there, "update-ref", "-d", f"refs/heads/{BRANCH}")
    with ssh_server(tmp_path / "ssh d") as server:
        stranger = tmp_path / "nobody known"
        stranger.touch()
        known = GitAccess(ssh_key=server.key, known_hosts=server.known_hosts, timeout_s=20)
        unknown = await failing(project, server.url(there), commit, replace(known, known_hosts=stranger))
        assert "WORKBENCH_GIT_KNOWN_HOSTS" in unknown.message
        assert stranger.read_text() == ""
        keyless = await failing(
            project, server.url(there), commit, replace(known, ssh_key=tmp_path / "ssh d" / "host")
        )
        assert "WORKBENCH_GIT_SSH_KEY" in keyless.message
        await push(project, server.url(there), commit, known)
    assert refs(there)[BRANCH] == commit


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/o/r.git", "https://host:8443/r", "ssh://git@host/r", "ssh://git@[::1]:22/r",
        "git@github.com:o/r.git", "host:r", "http://127.0.0.1:1/r", "http://localhost/r", "http://[::1]:1/r",
    ],
)  # fmt: skip
def test_addresses_that_can_be_pushed_to(url: str) -> None:
    assert read_remote(url).url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://host/r", "file:///r", "/r", "../r", "git://host/r", "ext::sh -c id", "ext::sh", "ftp://host/r",
        "https://u:secret@host/r", "https://u@host/r", "https://host", "https://host/r?x=1", "https://host/r#x",
        "https:///r", "ssh://-oProxyCommand=x/r", "-oProxyCommand=x:r", "host:-r", "ssh://a b/r", "https://h:x/r",
        "ssh://git@host:p/r", "https://h\nt/r", "https://hóst/r", "https://a%2f/r", "ssh://u:secret@h/r", "",
        "u:secret@host:r", "a::b", "https://u:secret$1@host/r", "https://u:se`cret@host/r", "https://[abc/r",
        "https://ho]st/r",
    ],
)  # fmt: skip
def test_other_addresses_are_refused_without_showing_a_password(url: str) -> None:
    with pytest.raises(RemoteNotAllowed) as refused:
        read_remote(url)
    assert not [word for word in ("secret", "cret") if word in refused.value.message]


def _commands() -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(process.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found
