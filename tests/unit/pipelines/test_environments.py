"""The dependencies of a project come from what it declares, never from the service's own environment."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from app.errors import Invalid
from app.pipelines import environments
from app.pipelines.environments import EnvironmentMissing, Environments, SetupFailed, SetupNotPermitted
from app.pipelines.project import ProjectSpec
from app.tables import MovedBase, TestAdapter
from app.workspace.environment import Environment
from app.workspace.repository import Repository, head_commit, open_repository
from app.workspace.sandbox.sandbox import Sandbox
from tests.db.repositories import Person, make_repository

needs_sandbox = pytest.mark.skipif(
    "WORKBENCH_IN_SANDBOX" in os.environ, reason="there is no sandbox inside a sandbox"
)
NODE = ("sh", "-c", "cat requirements.txt > {environment}/kept; echo once >> {environment}/times; echo done")
"""Needs no Python and no network."""
FILES = {"requirements.txt": "one\n", "app.py": "print(1)\n"}
TESTS = ("sh", "-c", "cat $WORKBENCH_ENVIRONMENT/kept")


@dataclass
class Bench:
    environments: Environments
    person: Person
    project: ProjectSpec
    sandbox: Sandbox
    repository: Repository

    async def of(self, *permissions: str, **changes: Any) -> Environment:
        project = replace(self.project, **changes)
        commit = await head_commit(self.repository)
        return await self.environments.of(project, self.repository, commit, permissions)

    async def set_up(self, **changes: Any) -> Environment:
        commit = await head_commit(self.repository)
        return await self.environments.set_up(replace(self.project, **changes), self.repository, commit)

    async def needed(self, **changes: Any) -> str:
        """The permission that is missing."""
        with pytest.raises(SetupNotPermitted) as caught:
            await self.of(**changes)
        return caught.value.permission

    def commit(self, **files: str) -> None:
        for name, content in files.items():
            (self.person.path / name.replace("_", ".")).write_text(content)
        self.person.git("add", "-A")
        self.person.git("commit", "-q", "-m", "More")


def appears(folder: Path, name: str) -> None:
    while not list(folder.rglob(name)):
        time.sleep(0.02)


@pytest.fixture
async def bench(tmp_path: Path, sandbox: Sandbox) -> Bench:
    person = make_repository(tmp_path / "the shop", FILES)
    project = ProjectSpec(
        id=1,
        name="shop",
        path=str(person.path),
        test_command=TESTS,
        python=None,
        protected_paths=(),
        permitted_paths=(),
        test_adapter=TestAdapter.JUNIT,
        setup_command=NODE,
        sandbox={},
        gates=(),
        push_to=None,
        on_moved_base=MovedBase.KEEP,
        base_branch=None,
    )
    repository = await open_repository(person.path)
    return Bench(Environments(sandbox, tmp_path / "state"), person, project, sandbox, repository)


async def test_the_interpreter_that_a_project_names_is_its_environment(bench: Bench) -> None:
    assert await bench.of(python=sys.executable) == Environment(Path(sys.executable))


async def test_an_interpreter_that_is_gone_is_an_error_that_says_what_to_do(bench: Bench) -> None:
    with pytest.raises(EnvironmentMissing, match="projects add shop --python"):
        await bench.of(python="/no/such/python")


async def test_the_own_environment_of_the_repository_is_taken(bench: Bench) -> None:
    (bench.person.path / ".venv").symlink_to(sys.prefix)
    assert await bench.of() == Environment(bench.person.path / ".venv" / "bin" / "python")


async def test_a_project_without_python_needs_no_environment(bench: Bench) -> None:
    assert await bench.of(setup_command=None) == Environment()


async def test_tests_in_python_without_an_environment_are_an_error_that_says_what_to_do(
    bench: Bench,
) -> None:
    changes: dict[str, Any] = {"setup_command": None, "test_command": ("{python}", "-m", "pytest")}
    with pytest.raises(EnvironmentMissing, match=r"make a \.venv in .*--python.*--setup") as caught:
        await bench.of(**changes)
    assert caught.value.code == "environment_missing"
    with pytest.raises(EnvironmentMissing):
        environments.check(replace(bench.project, **changes))


@needs_sandbox
async def test_a_set_up_waits_for_its_permission_and_then_runs_once(bench: Bench) -> None:
    permission = await bench.needed()
    assert permission.startswith("setup:shop:")
    first = await bench.of(permission)
    assert first.folder is not None
    assert (first.folder / "kept").read_text() == "one\n"
    assert await bench.of() == first
    assert (first.folder / "times").read_text() == "once\n"


@needs_sandbox
async def test_tests_read_what_was_set_up_and_can_not_change_it(bench: Bench, tmp_path: Path) -> None:
    made = await bench.set_up()
    shown = await bench.sandbox.run(bench.person.path, made.command(TESTS))
    assert shown.output == "one\n"
    spoiled = await bench.sandbox.run(
        bench.person.path, made.command(("sh", "-c", "echo x > {environment}/kept"))
    )
    assert "Read-only file system" in spoiled.output


@needs_sandbox
async def test_a_changed_manifest_or_command_needs_a_new_permission_and_another_change_does_not(
    bench: Bench,
) -> None:
    first = await bench.set_up()
    bench.commit(app_py="print(2)\n")
    assert await bench.of() == first
    bench.commit(requirements_txt="two\n")
    other = await bench.needed()
    assert (await bench.of(other)).folder != first.folder
    assert await bench.needed(setup_command=("true",)) != other


@needs_sandbox
async def test_a_set_up_that_fails_says_why_and_is_tried_anew(bench: Bench) -> None:
    with pytest.raises(SetupFailed, match=r"exit code 3.*no such package"):
        await bench.set_up(setup_command=("sh", "-c", "echo no such package; exit 3"))
    marker = "test -f {environment}/marker && exit 5; touch {environment}/marker; exit 3"
    for _ in range(2):
        with pytest.raises(SetupFailed, match="exit code 3"):
            await bench.set_up(setup_command=("sh", "-c", marker))


@needs_sandbox
async def test_a_set_up_that_was_killed_is_made_anew(bench: Bench) -> None:
    script = (
        "test -f {environment}/half && touch {environment}/spoiled; touch {environment}/half; "
        "if grep -q slow app.py; then sleep 600; fi"
    )
    command = ("sh", "-c", script)
    bench.commit(app_py="slow\n")
    making = asyncio.create_task(bench.set_up(setup_command=command))
    await asyncio.to_thread(appears, bench.person.path.parent / "state", "half")
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    bench.commit(app_py="quick\n")
    made = await bench.set_up(setup_command=command)
    assert made.folder is not None
    assert [path.name for path in made.folder.iterdir()] == ["half"]


@needs_sandbox
async def test_two_that_need_the_same_environment_make_it_once(bench: Bench) -> None:
    first, second = await asyncio.gather(bench.set_up(), bench.set_up())
    assert first == second
    assert first.folder is not None
    assert (first.folder / "times").read_text() == "once\n"


@needs_sandbox
async def test_a_python_environment_is_made_by_the_given_python_and_used(bench: Bench) -> None:
    script = (
        "{python} -m venv --without-pip {environment} && cd {environment}/lib/python3*/site-packages && "
        "echo NAME = 42 > dep.py"
    )
    made = await bench.set_up(setup_command=("sh", "-c", script))
    assert made.python is not None
    run = await bench.sandbox.run(
        bench.person.path, made.command(("{python}", "-c", "import dep; print(dep.NAME)"))
    )
    assert run.output == "42\n"


async def test_a_project_without_a_set_up_command_can_not_be_set_up(bench: Bench) -> None:
    with pytest.raises(Invalid, match="has no set-up command"):
        await bench.set_up(setup_command=None)


@needs_sandbox
async def test_the_output_of_a_set_up_is_heard_while_it_runs(bench: Bench) -> None:
    heard: list[str] = []
    there = asyncio.Event()

    async def hear(lines: str) -> None:
        heard.append(lines)
        there.set()

    command = ("sh", "-c", "echo getting packages; sleep 600")
    project = replace(bench.project, setup_command=command)
    commit = await head_commit(bench.repository)
    making = asyncio.create_task(bench.environments.set_up(project, bench.repository, commit, hear))
    await there.wait()
    making.cancel()
    assert heard == ["getting packages"]
