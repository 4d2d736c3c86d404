"""An outage of the database is told once, and its end too."""

from __future__ import annotations

import logging

import pytest

from app.queue.outage import Outage


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.INFO]


def test_an_outage_is_told_once_whoever_notices_it(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage()
    with caplog.at_level(logging.DEBUG):
        outage.lost("sweep", OSError("refused\nand more"))
        outage.lost("sweep", OSError("refused"))
        outage.lost("batches", OSError())
    assert told(caplog) == ["sweep: the database does not answer: refused"]


def test_its_end_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage()
    with caplog.at_level(logging.DEBUG):
        outage.back("sweep")
        outage.lost("sweep", OSError())
        outage.back("batches")
        outage.back("sweep")
    assert told(caplog) == ["sweep: the database does not answer: OSError", "batches: the database is back"]
