"""Values of environment variables that a destination names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

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


def forms(values: Iterable[str]) -> tuple[str, ...]:
    """What must not be shown, the longest first: each value, and without the scheme that it begins with."""
    found = {form for value in values for form in (value, value.rpartition(" ")[2]) if form}
    return tuple(sorted(found, key=len, reverse=True))


def without(text: str, secrets: Sequence[str], *, cut: bool) -> str:
    """The text with none of these forms; `cut`: also not with the head of one at its end."""
    for secret in secrets:
        text = text.replace(secret, "[secret]")
    return text[: -len(secrets[0])] if cut and secrets else text
