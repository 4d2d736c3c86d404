"""The lock files: complete, consistent, with hashes and without addresses."""

import re
import tomllib

from app.settings import ROOT

runtime = (ROOT / "requirements.lock").read_text()
development = (ROOT / "requirements-dev.lock").read_text()
benchmarks = (ROOT / "requirements-benchmarks.lock").read_text()
project = tomllib.loads((ROOT / "pyproject.toml").read_text())


def pins(lock: str) -> set[str]:
    return {line.removesuffix(" \\") for line in lock.splitlines() if "==" in line.split(" ;")[0]}


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=]", text)[0].strip().lower() for text in requirements}


def test_a_lock_holds_versions_and_hashes_and_nothing_else() -> None:
    for line in (runtime + development + benchmarks).splitlines():
        assert re.fullmatch(r"[a-z0-9.-]+==\S+( ; .+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?", line)


def test_the_runtime_lock_holds_every_dependency() -> None:
    assert names(project["project"]["dependencies"]) <= {pin.split("==")[0] for pin in pins(runtime)}


def test_the_development_lock_holds_the_tools_and_the_same_runtime_versions() -> None:
    assert names(project["dependency-groups"]["dev"]) <= {pin.split("==")[0] for pin in pins(development)}
    assert pins(runtime) <= pins(development)


def test_the_lock_of_the_benchmarks_holds_the_other_engines_and_the_same_runtime_versions() -> None:
    engines = names(project["dependency-groups"]["benchmarks"])
    assert engines <= {pin.split("==")[0] for pin in pins(benchmarks)}
    assert pins(runtime) <= pins(benchmarks)
