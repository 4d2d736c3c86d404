"""The limits that a project sets over those of the sandbox."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.workspace.sandbox.limits import MIB, Limits
from app.workspace.sandbox.project_limits import SandboxLimits


def test_nothing_set_changes_nothing() -> None:
    assert SandboxLimits().over(Limits(wall_s=7)) == Limits(wall_s=7)


def test_each_limit_that_is_set_goes_before_that_of_the_sandbox() -> None:
    given = SandboxLimits(
        wall_s=900,
        cpu_s=300,
        memory_mb=2048,
        address_space_mb=8192,
        processes=64,
        file_mb=100,
        work_mb=512,
        files=5000,
        tmp_mb=200,
        home_mb=300,
        shm_mb=32,
        open_files=1024,
    )
    assert given.over(Limits(wall_s=7)) == Limits(
        wall_s=900,
        cpu_s=300,
        memory_bytes=2048 * MIB,
        address_space_bytes=8192 * MIB,
        processes=64,
        file_bytes=100 * MIB,
        work_bytes=512 * MIB,
        files=5000,
        tmp_bytes=200 * MIB,
        home_bytes=300 * MIB,
        shm_bytes=32 * MIB,
        open_files=1024,
    )
    assert set(SandboxLimits.model_fields) == given.model_fields_set, "a new limit belongs in this test"


def test_an_address_space_of_0_is_any_amount() -> None:
    assert SandboxLimits(address_space_mb=0).over(Limits()).address_space_bytes is None


def test_a_larger_working_copy_brings_a_larger_tmp_and_home_unless_they_are_set() -> None:
    grown = SandboxLimits(work_mb=2048).over(Limits())
    assert (grown.tmp_bytes, grown.home_bytes) == (512 * MIB, 512 * MIB)
    kept = SandboxLimits(work_mb=2048, tmp_mb=10).over(Limits())
    assert (kept.tmp_bytes, kept.home_bytes) == (10 * MIB, 512 * MIB)
    assert SandboxLimits(work_mb=16).over(Limits()).tmp_bytes == Limits().tmp_bytes


@pytest.mark.parametrize(
    "given",
    [
        {"wall_s": 0},
        {"wall_s": 86_401},
        {"cpu_s": 86_401},
        {"memory_mb": 1},
        {"memory_mb": 10**9},
        {"address_space_mb": 1},
        {"processes": 1},
        {"processes": 10**6},
        {"work_mb": 10**6},
        {"tmp_mb": 0},
        {"shm_mb": 10**6},
        {"files": 10**9},
        {"open_files": 10**6},
        {"wall_s": "nan"},
        {"wal_s": 3},
    ],
)
def test_a_limit_out_of_bounds_or_with_a_wrong_name_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SandboxLimits.model_validate(given)
