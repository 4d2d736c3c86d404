"""`python -m orders`: serves the orders of one data file."""

import argparse
from pathlib import Path

from orders.app import build_app
from orders.server import serve
from orders.store import OrderStore


def main() -> None:
    parser = argparse.ArgumentParser(prog="orders")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--data", type=Path, default=Path("orders.json"))
    options = parser.parse_args()
    store = OrderStore(options.data)
    store.check()
    serve(build_app(store), options.host, options.port)


if __name__ == "__main__":
    main()
