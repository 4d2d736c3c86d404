"""Carries out `models price`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from app.cli.opening import read_settings, with_services
from app.cli.output import emit, print_json, row, say, stdout, table
from app.errors import unknown
from app.services import Services
from app.tables import ModelPrice
from app.usage import prices
from app.usage.prices import CLASSES


def list_prices(*, as_json: bool) -> None:
    async def read(services: Services) -> Sequence[ModelPrice]:
        async with services.database.transaction() as session:
            return await prices.every(session)

    found = with_services(read_settings(), read)
    if as_json:
        print_json([_as_json(price) for price in found])
        return
    if not found:
        say(stdout(), "no price was set; profiles and the price list say what models cost")
        return
    made = table("backend", "model", "from (UTC)", *CLASSES, right=CLASSES)
    for price in found:
        figures = (_figure(getattr(price, name)) for name in CLASSES)
        row(made, price.backend, price.model, f"{price.valid_from:%Y-%m-%d %H:%M}", *figures)
    emit(stdout(), made)


def set_price(backend: str, model: str, given: Mapping[str, float | None], since: datetime | None) -> None:
    valid_from = datetime.now(UTC) if since is None else since.replace(tzinfo=UTC)
    values = {name: None if price is None else Decimal(str(price)) for name, price in given.items()}

    async def write(services: Services) -> ModelPrice:
        if backend not in services.backends:
            raise unknown("LLM backend", backend, services.backends)
        async with services.database.transaction() as session:
            return await prices.put(session, backend, model, values, valid_from)

    made = with_services(read_settings(), write)
    say(
        stdout(),
        f"{made.model} on {made.backend} costs ${made.input.normalize():f} a million tokens in and "
        f"${made.output.normalize():f} out from {made.valid_from:%Y-%m-%d %H:%M} UTC on",
    )


def remove_price(backend: str, model: str) -> None:
    async def write(services: Services) -> int:
        async with services.database.transaction() as session:
            return await prices.remove(session, backend, model)

    with_services(read_settings(), write)
    say(stdout(), f"{model} on {backend} has no price of its own any more")


def _figure(price: Decimal | None) -> str:
    return "" if price is None else f"{price.normalize():f}"


def _as_json(price: ModelPrice) -> dict[str, str | None]:
    figures = {name: getattr(price, name) for name in CLASSES}
    return {
        "backend": price.backend,
        "model": price.model,
        "valid_from": price.valid_from.isoformat(),
        **{name: None if figure is None else format(figure, "f") for name, figure in figures.items()},
    }
