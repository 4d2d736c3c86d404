"""What a request is answered that met an error."""

from __future__ import annotations

import psycopg
import pytest
from psycopg_pool import PoolTimeout
from sqlalchemy.exc import InternalError

from app.api.problems import answer

REFUSED = psycopg.errors.ReadOnlySqlTransaction("cannot execute INSERT in a read-only transaction")


@pytest.mark.parametrize(
    "error",
    [
        PoolTimeout("no connection"),
        psycopg.errors.DiskFull("no space"),
        REFUSED,
        InternalError("", {}, REFUSED),
    ],
)
def test_a_database_that_is_away_or_takes_no_writes_is_unavailable_for_now(error: Exception) -> None:
    assert answer(error, "a request").status_code == 503


def test_a_fault_of_ours_is_said_to_be_one() -> None:
    assert answer(ZeroDivisionError("oh"), "a request").status_code == 500
