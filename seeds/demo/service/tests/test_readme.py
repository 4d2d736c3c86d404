from pathlib import Path

from orders.app import build_app
from orders.store import OrderStore

README = Path(__file__).parent.parent / "README.md"


def test_every_route_is_in_the_readme(tmp_path):
    text = README.read_text("utf-8")

    missing = [
        f"{m} {p}" for m, p in build_app(OrderStore(tmp_path / "o.json")).routes if f"`{m} {p}`" not in text
    ]

    assert missing == []
