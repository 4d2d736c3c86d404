"""Carries out `destinations`."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.cli.opening import read_settings, with_services
from app.cli.output import emit, print_json, row, say, stdout, table
from app.errors import Invalid
from app.pipelines.deliveries import store
from app.pipelines.deliveries.destination import read
from app.services import Services
from app.tables import AdapterName, Destination


def list_destinations(*, as_json: bool) -> None:
    async def look(services: Services) -> Sequence[Destination]:
        async with services.database.transaction() as session:
            return await store.every(session)

    found = with_services(read_settings(), look)
    if as_json:
        print_json([_as_json(destination) for destination in found])
        return
    if not found:
        say(stdout(), "no destinations yet")
        return
    made = table("destination", "adapter", "sends", "to")
    for destination in found:
        to = destination.config.get("url") or shlex.join(destination.config.get("argv", ()))
        row(made, destination.name, destination.adapter, _sends(destination), to)
    emit(stdout(), made)


def show(name: str) -> None:
    async def look(services: Services) -> Destination:
        async with services.database.transaction() as session:
            return await store.get(session, name)

    print_json(_as_json(with_services(read_settings(), look)))


def add(name: str, config: Mapping[str, Any], live: bool | None) -> None:
    given = read({"name": name, "adapter": _adapter(config), "config": config, "dry_run": not live})

    async def write(services: Services) -> Destination:
        async with services.database.transaction() as session:
            return await store.add(session, given)

    _stored(with_services(read_settings(), write))


def edit(name: str, config: Mapping[str, Any], live: bool | None) -> None:
    async def write(services: Services) -> Destination:
        async with services.database.transaction() as session:
            before = await store.get(session, name)
            changed = read(
                {
                    "name": name,
                    "adapter": before.adapter,
                    "config": {**before.config, **config},
                    "dry_run": before.dry_run if live is None else not live,
                }
            )
            return await store.save(session, changed)

    _stored(with_services(read_settings(), write))


def remove(name: str) -> None:
    async def write(services: Services) -> None:
        async with services.database.transaction() as session:
            await store.remove(session, name)

    with_services(read_settings(), write)
    say(stdout(), f"{name} is removed")


def config_of(
    url: str | None,
    method: str | None,
    headers: Iterable[str] | None,
    secret_headers: Iterable[str] | None,
    allow_private: bool | None,
    command: str | None,
    variables: Iterable[str] | None,
    timeout_s: float | None,
) -> dict[str, Any]:
    """The fields of a configuration that the options set. Raises `Invalid` for a header without a value."""
    values = {
        "url": url,
        "method": method,
        "headers": _pairs(headers, ":", "--header is 'Name: value'"),
        "secret_headers": _pairs(secret_headers, "=", "--secret-header is Name=VARIABLE"),
        "allow_private": allow_private,
        "argv": None if command is None else _split(command),
        "variables": list(variables) if variables else None,
        "timeout_s": timeout_s,
    }
    return {field: value for field, value in values.items() if value is not None}


def _pairs(texts: Iterable[str] | None, between: str, wanted: str) -> dict[str, str] | None:
    if not texts:
        return None
    pairs = [text.partition(between) for text in texts]
    if not all(found for _, found, _ in pairs):
        raise Invalid(wanted, place="headers")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _split(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        raise Invalid(f"--command can not be read: {error}", place="argv") from None


def _adapter(config: Mapping[str, Any]) -> str:
    if ("url" in config) == ("argv" in config):
        raise Invalid("a destination has either --url or --command", place="config")
    return AdapterName.HTTP if "url" in config else AdapterName.COMMAND


def _stored(destination: Destination) -> None:
    say(stdout(), f"{destination.name} stored; {_sends(destination)}")


def _sends(destination: Destination) -> str:
    return "dry run" if destination.dry_run else "live"


def _as_json(destination: Destination) -> dict[str, Any]:
    return {field: getattr(destination, field) for field in ("name", "adapter", "config", "dry_run")}
