"""Values of environment variables that a destination names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from app.pipelines.deliveries.adapter import DeliveryFailed


def look_up(names: Iterable[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Name → value. Raises `DeliveryFailed` naming what is not set; a value is never part of a message."""
    wanted = list(names)
    missing = [name for name in wanted if not environment.get(name)]
    if missing:
        raise DeliveryFailed(
            f"the worker's environment has no {', '.join(missing)}: set it where workers start"
        )
    return {name: environment[name] for name in wanted}
