from datetime import UTC, datetime

import pytest

from orders.app import build_app
from orders.client import Client
from orders.store import OrderStore


@pytest.fixture
def client(tmp_path):
    def clock():
        return datetime(2026, 3, 1, 12, 30, tzinfo=UTC)

    return Client(build_app(OrderStore(tmp_path / "orders.json"), clock))


def test_a_new_order_can_be_read_back(client):
    status, created = client.post("/orders", {"item": "tea", "quantity": 2})

    assert status == 201
    assert created["created_at"] == "2026-03-01T12:30:00+00:00"
    assert client.get("/orders/1") == (200, created)
    assert client.get("/orders") == (200, [created])


@pytest.mark.parametrize(
    "body", [{}, {"item": " "}, {"item": "tea", "quantity": 0}, {"item": "tea", "quantity": True}]
)
def test_an_order_without_item_or_quantity_is_refused(client, body):
    status, answer = client.post("/orders", body)

    assert status == 400
    assert "must be" in answer["error"]


def test_an_order_is_cancelled_once(client):
    client.post("/orders", {"item": "tea"})

    assert client.post("/orders/1/cancel")[1]["cancelled"] is True
    assert client.post("/orders/1/cancel")[0] == 409


@pytest.mark.parametrize("path", ["/orders/7", "/orders/tea", "/nowhere"])
def test_what_does_not_exist_is_404(client, path):
    assert client.get(path)[0] == 404


def test_a_wrong_method_is_405(client):
    assert client.post("/orders/1") == (405, {"error": "/orders/1 takes GET"})
