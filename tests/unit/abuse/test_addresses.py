"""Abuse cases 46 and 51: this machine is recognised in every spelling that the resolver takes."""

from __future__ import annotations

import pytest

from app.pipelines.deliveries.adapter import DeliveryFailed
from app.pipelines.deliveries.addresses import addresses_of

SPELLINGS = [
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.1",
    "127.0.1",
    "0",
    "localhost",
    "0x7f.1",
    "2852039166",
]


@pytest.mark.abuse(46, 51)
@pytest.mark.parametrize("host", SPELLINGS)
async def test_an_address_inside_is_refused_after_it_was_resolved(host: str) -> None:
    with pytest.raises(DeliveryFailed, match="nothing is sent to"):
        await addresses_of(host, 8000, allow_private=False)
