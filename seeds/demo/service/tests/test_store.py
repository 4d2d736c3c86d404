import pytest

from orders.errors import StoreUnavailable
from orders.store import OrderStore


def test_orders_survive_a_restart(tmp_path):
    OrderStore(tmp_path / "orders.json").add("tea", 2, "2026-03-01")

    assert [o.item for o in OrderStore(tmp_path / "orders.json").all()] == ["tea"]


def test_a_fresh_store_passes_its_check(tmp_path):
    OrderStore(tmp_path / "orders.json").check()


@pytest.mark.parametrize("content", ["{", '[{"id": 1}]'])
def test_a_damaged_file_fails_the_check(tmp_path, content):
    path = tmp_path / "orders.json"
    path.write_text(content)

    with pytest.raises(StoreUnavailable, match="can not read"):
        OrderStore(path).check()


def test_a_missing_folder_fails_the_check(tmp_path):
    with pytest.raises(StoreUnavailable, match="no folder"):
        OrderStore(tmp_path / "gone" / "orders.json").check()
