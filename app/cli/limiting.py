"""Carries out `limits`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from app.cli.opening import read_settings, with_services
from app.cli.output import emit, print_json, row, say, stdout, table
from app.limits import store
from app.limits.store import LimitState
from app.services import Services

NUMBERS = ("at once", "in use", "waiting", "requests/min", "tokens/min", "opens in")


def list_limits(*, as_json: bool) -> None:
    async def read(services: Services) -> list[LimitState]:
        async with services.database.transaction() as session:
            return await store.states(session)

    found = with_services(read_settings(), read)
    if as_json:
        print_json([_as_json(state) for state in found])
        return
    made = table("limit", *NUMBERS, right=NUMBERS)
    for state in found:
        opens_in = f"{state.opens_in:.0f} s" if state.opens_in else "now"
        row(
            made,
            state.name,
            _figure(state.max_concurrent),
            state.in_use,
            state.waiting,
            _figure(state.requests_per_minute),
            _figure(state.tokens_per_minute),
            opens_in,
        )
    emit(stdout(), made)


def set_limit(name: str, figures: Mapping[str, int | None]) -> None:
    """None takes a figure away."""

    async def write(services: Services) -> LimitState:
        async with services.database.transaction() as session:
            return await store.change(session, name, figures, services.backends)

    changed = with_services(read_settings(), write)
    say(
        stdout(),
        f"{changed.name} from the next call on: {_figure(changed.max_concurrent)} at once, "
        f"{_figure(changed.requests_per_minute)} requests and {_figure(changed.tokens_per_minute)} "
        "tokens a minute",
    )


def _as_json(state: LimitState) -> dict[str, object]:
    values = asdict(state)
    return values | {"edited": values.pop("edited_at") is not None}


def _figure(limit: int | None) -> str:
    return "any" if limit is None else f"{limit:,}"
