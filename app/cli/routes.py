"""Carries out `route`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from app.cli.cascade import checked, step_text
from app.cli.epic import read_epic
from app.cli.invocation import command
from app.cli.opening import read_settings, with_services
from app.cli.output import emit, line, print_json, row, say, stdout, table
from app.errors import Unavailable
from app.pipelines import routing
from app.pipelines.explaining import Explanation, Turn
from app.pipelines.explaining import as_json as explanation_json
from app.pipelines.route import Keyword
from app.pipelines.rows import as_route
from app.pipelines.snapshot import PolicyDraft
from app.services import Services
from app.tables import Route

T = TypeVar("T")
Query = Callable[[AsyncSession], Awaitable[Sequence[T]]]
STYLES = {Turn.FIRST: "bold", Turn.NEXT: "", Turn.PASSED_OVER: "yellow", Turn.NOT_ALLOWED: "dim"}


def list_routes(*, as_json: bool) -> None:
    found = with_services(read_settings(), lambda services: _read(services, routing.routes))
    if as_json:
        print_json([_as_json(route) for route in found])
        return
    made = table("route", "profile", "think", "late after", "critical", "asked next", right=("late after",))
    for item in found:
        spec = as_route(item)
        late = f"{spec.latency_s:g} s" if spec.latency_s else ""
        cells = (item.name, spec.profile, spec.think or "", late, "yes" if spec.critical else "")
        row(made, *cells, ", ".join(step_text(step) for step in spec.cascade))
    emit(stdout(), made)


def explain(
    given: str | None, task: str | None, escalate: bool | None, fall_back: bool | None, *, as_json: bool
) -> None:
    """Raises `Unavailable` when nobody in line can take the text."""
    text = read_epic(given) if given is not None else ""
    draft = PolicyDraft(escalate_to_paid=escalate, fall_back_to_local=fall_back)

    async def ask(services: Services) -> Explanation:
        policy = services.pipelines.policy(draft)
        async with services.database.transaction() as session:
            return await services.router.explain(session, text, task, policy)

    found = with_services(read_settings(), ask)
    if as_json:
        print_json(explanation_json(found))
    else:
        _show(found)
    if found.first is None:
        raise Unavailable(f"nobody on the route {found.chosen.name} can take this text", hint=_hint(found))


def set_route(name: str, changes: Mapping[str, Any]) -> None:
    """A route that is not there is made, when all that it needs is given."""

    async def write(services: Services) -> Route:
        async with services.database.transaction() as session:
            known = [route.name for route in await routing.routes(session)]
            if name not in known and {"profile", "description"} <= changes.keys():
                return await routing.save_route(session, name, changes)
            return await routing.change_route(session, name, changes)

    changed = as_route(with_services(read_settings(), write))
    next_ = ", then ".join(step_text(step) for step in changed.cascade)
    say(stdout(), f"{name} asks {changed.profile}{f', then {next_}' if next_ else ''} from the next run on")


def list_keywords(*, as_json: bool) -> None:
    found = with_services(read_settings(), lambda services: _read(services, routing.keywords))
    if as_json:
        print_json([{"keyword": one.keyword, "route": one.route} for one in found])
        return
    made = table("keyword", "route")
    for one in found:
        row(made, one.keyword, one.route)
    emit(stdout(), made)


def add_keyword(keyword: str, route: str, before: str | None) -> None:
    new = checked(Keyword, {"keyword": keyword, "route": route}, "keyword")

    async def write(services: Services) -> None:
        async with services.database.transaction() as session:
            await routing.add_keyword(session, new, before=before)

    with_services(read_settings(), write)
    say(stdout(), f"{keyword!r} leads to {route}")


def remove_keyword(keyword: str) -> None:
    async def write(services: Services) -> None:
        async with services.database.transaction() as session:
            await routing.remove_keyword(session, keyword)

    with_services(read_settings(), write)
    say(stdout(), f"{keyword!r} leads nowhere any more")


def _show(found: Explanation) -> None:
    console, chosen = stdout(), found.chosen
    say(console, (chosen.name, "bold"), f": {chosen.why}")
    late = f"late after {chosen.route.latency_s:g} s" if chosen.route.latency_s else "never late"
    critical = "; critical: never answered by a lesser model" if chosen.route.critical else ""
    say(console, f"{late}; about {found.text_tokens:,} tokens of text{critical}")
    made = table("", "profile", "model", "think", "temperature", "why")
    for place in found.line:
        profile = place.profile
        temperature = "" if profile.temperature is None else f"{profile.temperature:g}"
        why = f"{place.why}; {place.missing}" if place.missing else place.why
        turn = line((place.turn.replace("_", " "), STYLES[place.turn]))
        row(made, turn, profile.name, profile.model, profile.think, temperature, why)
    emit(console, made)


def _hint(found: Explanation) -> str:
    if any(place.turn is Turn.NOT_ALLOWED for place in found.line):
        return "shorten it, or allow the other side: --escalate-to-paid or --fall-back-to-local"
    return "shorten it, or give the route a profile with more room: " + command(
        "route", "set", found.chosen.name, "--cascade", "PROFILE"
    )


def _as_json(route: Route) -> dict[str, Any]:
    spec = as_route(route).model_dump(mode="json")
    return {"name": route.name, **spec, "edited": route.edited_at is not None}


async def _read(services: Services, query: Query[T]) -> Sequence[T]:
    async with services.database.transaction() as session:
        return await query(session)
