"""Runs of real projects: what comes back, and what a project can not fake."""

from __future__ import annotations

import asyncio
import itertools
import os
import stat
import sys
from pathlib import Path

import pytest

from app.errors import Invalid
from app.workspace.sandbox.execution import Command, SandboxUnavailable, SourceUnusable
from app.workspace.sandbox.limits import Limits
from app.workspace.sandbox.sandbox import Sandbox
from app.workspace.sandbox.verdict import Verdict, judge

pytestmark = pytest.mark.skipif(
    "WORKBENCH_IN_SANDBOX" in os.environ, reason="there is no sandbox inside a sandbox"
)

DEFAULTS = Limits()
PYTHON = Path(sys.executable)
PYTEST = ("{python}", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml={junit}")


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return Sandbox()


async def run_tests(sandbox: Sandbox, source: Path, **files: str) -> Verdict:
    """Write each file as `<name>.py` and let pytest run them."""
    for name, content in files.items():
        (source / f"{name}.py").write_text(content)
    return judge(await sandbox.run(source, Command(PYTEST, PYTHON)))


async def inside(
    sandbox: Sandbox, source: Path, script: str, limits: Limits = DEFAULTS
) -> tuple[int | None, str]:
    """Exit code and output of a Python script inside."""
    execution = await sandbox.run(source, Command(("{python}", "-c", script), PYTHON), limits)
    return execution.exit_code, execution.output


async def test_a_project_whose_tests_pass_passes(sandbox: Sandbox, tmp_path: Path) -> None:
    verdict = await run_tests(
        sandbox, tmp_path, shop="PRICE = 3", test_shop="import shop\ndef test_a(): assert shop.PRICE"
    )
    assert (verdict.outcome, verdict.tests, verdict.exit_code) == ("passed", 1, 0)


async def test_files_are_laid_over_the_copy_and_the_source_stays_as_it_is(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    for folder, text in (("source", "old"), ("over", "new")):
        (tmp_path / folder / "deep").mkdir(parents=True)
        (tmp_path / folder / "deep/a.txt").write_text(text)
    (tmp_path / "source/b.txt").write_text(" kept")
    command = Command(("cat", "deep/a.txt", "b.txt"), over=tmp_path / "over")
    assert (await sandbox.run(tmp_path / "source", command)).output == "new kept"
    assert (tmp_path / "source/deep/a.txt").read_text() == "old"


async def test_a_failing_test_is_named_with_its_message(sandbox: Sandbox, tmp_path: Path) -> None:
    verdict = await run_tests(
        sandbox, tmp_path, test_a="def test_good(): pass\ndef test_bad(): assert 1 == 2"
    )
    assert (verdict.outcome, verdict.tests, verdict.failures) == ("failed", 2, 1)
    assert verdict.failing[0].name == "test_a::test_bad"
    assert "assert 1 == 2" in verdict.failing[0].message


FAILING = "def test_bad(): assert 0"
FORGED = {
    "a test leaves with exit code 0": {"test_a": f"import os\ndef test_exit(): os._exit(0)\n{FAILING}"},
    "conftest leaves with exit code 0": {"conftest": "import os; os._exit(0)", "test_a": FAILING},
    "the exit code is replaced": {
        "conftest": "def pytest_sessionfinish(session): session.exitstatus = 0",
        "test_a": "def test_a(): assert 0",
    },
    "tests are only collected": {
        "conftest": "def pytest_configure(config): config.option.collectonly = True",
        "test_a": FAILING,
    },
    "all tests are taken away": {
        "conftest": "def pytest_collection_modifyitems(items): items.clear()",
        "test_a": FAILING,
    },
    "all tests are skipped": {"test_a": "import pytest\n@pytest.mark.skip\ndef test_bad(): assert 0"},
}


@pytest.mark.abuse(72)
@pytest.mark.parametrize("files", FORGED.values(), ids=FORGED.keys())
async def test_a_forged_pass_is_no_pass(sandbox: Sandbox, tmp_path: Path, files: dict[str, str]) -> None:
    assert (await run_tests(sandbox, tmp_path, **files)).outcome != "passed"


@pytest.mark.abuse(72)
async def test_leaving_with_exit_code_0_is_suspect(sandbox: Sandbox, tmp_path: Path) -> None:
    verdict = await run_tests(sandbox, tmp_path, test_a="import os\ndef test_exit(): os._exit(0)")
    assert (verdict.outcome, verdict.exit_code) == ("suspect", 0)


async def test_the_source_is_only_read_and_the_copy_thrown_away(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("before")
    code, _ = await inside(sandbox, tmp_path, "open('kept', 'w').write('after'); open('new', 'w')")
    assert code == 0
    assert os.listdir(tmp_path) == ["kept"]
    assert (tmp_path / "kept").read_text() == "before"


async def test_closed_files_in_a_closed_folder_can_be_read_and_changed_inside(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    source = tmp_path / "closed"
    (source / "sub").mkdir(parents=True)
    (source / "sub" / "file").write_text("x")
    (source / "sub" / "file").chmod(0o400)
    (source / "sub").chmod(0o700)
    source.chmod(0o700)
    assert await inside(sandbox, source, "print(open('sub/file').read()); open('sub/file', 'w')") == (
        0,
        "x\n",
    )


async def test_links_pipes_and_strange_names_in_the_source_are_copied_as_they_are(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to("/etc/shadow")
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "-rf $(touch x)\n").write_text("")
    script = (
        "import os, stat; print(sorted(os.listdir())); print(os.readlink('link'), os.path.exists('link'))"
    )
    code, output = await inside(sandbox, tmp_path, script)
    assert (code, output) == (0, "['-rf $(touch x)\\n', 'link', 'loop', 'pipe']\n/etc/shadow False\n")
    assert stat.S_ISFIFO((tmp_path / "pipe").lstat().st_mode)


async def test_a_source_that_does_not_fit_is_an_error_that_says_so(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 3_000_000)
    with pytest.raises(SourceUnusable, match="holds 1000000 bytes"):
        await inside(sandbox, tmp_path, "", Limits(work_bytes=1_000_000))


async def test_a_source_that_is_no_folder_is_an_error(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(SourceUnusable, match="not a folder"):
        await inside(sandbox, tmp_path / "gone", "")


@pytest.mark.abuse(66)
async def test_output_is_valid_text_that_can_not_command_a_terminal(sandbox: Sandbox, tmp_path: Path) -> None:
    script = r"import os; os.write(1, b'a\x1b[2J\x00\xff\r\nb\xe2\x80\xae\tc\n')"
    assert (await inside(sandbox, tmp_path, script))[1] == "a\\x1b[2J\\x00\\xff\nb\\u202e\tc\n"


@pytest.mark.abuse(73)
@pytest.mark.parametrize(
    "plant",
    [
        "os.symlink('/etc/passwd', junit)",
        "os.mkfifo(junit)",
        "os.mkdir(junit)",
        "open(junit, 'wb').write(b' ' * 9_000_000)",
    ],
    ids=["link", "pipe", "folder", "larger than 8 MiB"],
)
async def test_a_result_that_is_no_small_regular_file_is_no_result(
    sandbox: Sandbox, tmp_path: Path, plant: str
) -> None:
    argv = ("{python}", "-c", f"import os, sys; junit = sys.argv[1]; {plant}", "{junit}")
    execution = await sandbox.run(tmp_path, Command(argv, PYTHON))
    assert (execution.exit_code, execution.junit) == (0, None)


async def test_a_program_that_is_missing_or_killed_ends_with_the_code_of_a_shell(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    missing = await sandbox.run(tmp_path, Command(("no-such-program",)))
    assert (missing.exit_code, missing.ended) == (127, "exit")
    assert "no-such-program" in missing.output
    assert (await inside(sandbox, tmp_path, "import os; os.kill(os.getpid(), 9)"))[0] == 137


async def test_killing_everything_inside_proves_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    execution = await sandbox.run(tmp_path, Command(("sh", "-c", "echo '<testsuite/>' >{junit}; kill -9 -1")))
    assert execution.exit_code == 137
    assert execution.junit is None


async def test_no_more_runs_at_once_than_asked_for(tmp_path: Path) -> None:
    sandbox = Sandbox(concurrency=1)
    script = "import time; print(time.monotonic_ns()); time.sleep(.1); print(time.monotonic_ns())"
    runs = await asyncio.gather(*(inside(sandbox, tmp_path, script) for _ in range(3)))
    spans = sorted(tuple(int(line) for line in output.split()) for _, output in runs)
    assert all(earlier[1] < later[0] for earlier, later in itertools.pairwise(spans))


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (Command(()), "empty"),
        (Command(("{python}",)), "names no Python"),
        (Command(("true",), env={"A=B": "x"}), "environment variable"),
        (Command(("true",), env={"A": "\0"}), "environment variable"),
    ],
)
async def test_a_command_that_can_not_be_run_is_refused(
    sandbox: Sandbox, tmp_path: Path, command: Command, said: str
) -> None:
    with pytest.raises(Invalid, match=said):
        await sandbox.run(tmp_path, command)


async def test_a_sandbox_that_is_switched_off_runs_nothing(tmp_path: Path) -> None:
    with pytest.raises(SandboxUnavailable, match="switched off"):
        await Sandbox(mode="none").run(tmp_path, Command(("touch", str(tmp_path / "ran"))))
    assert not (tmp_path / "ran").exists()
