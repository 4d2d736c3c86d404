"""Queries over model profiles, the routes that lead to them, and the keywords that lead to routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Conflict, Invalid, unknown
from app.pipelines.profile import ProfileChange, check_profile
from app.pipelines.route import ANYTHING, Keyword, RouteSpec, check_route
from app.pipelines.rows import as_profile, as_route
from app.tables import ModelProfile, Route, RouteKeyword


async def profiles(session: AsyncSession) -> Sequence[ModelProfile]:
    return (await session.scalars(select(ModelProfile).order_by(ModelProfile.name))).all()


async def routes(session: AsyncSession) -> Sequence[Route]:
    return (await session.scalars(select(Route).order_by(Route.name))).all()


async def keywords(session: AsyncSession) -> Sequence[RouteKeyword]:
    """In the order in which they are looked for."""
    return (
        await session.scalars(select(RouteKeyword).order_by(RouteKeyword.position, RouteKeyword.keyword))
    ).all()


async def change_profile(session: AsyncSession, name: str, change: ProfileChange) -> ModelProfile:
    """Change columns of a profile; seeding leaves it alone from then on. Raises `NotFound`, `Invalid`."""
    row = await session.get(ModelProfile, name, with_for_update=True)
    if row is None:
        raise unknown("model profile", name, [profile.name for profile in await profiles(session)])
    for column, value in change.values().items():
        setattr(row, column, value)
    check_profile(as_profile(row))
    row.edited_at = func.clock_timestamp()
    await session.flush()
    await session.refresh(row)
    return row


async def change_route(session: AsyncSession, name: str, changes: Mapping[str, Any]) -> Route:
    """Change fields of a route. Raises `NotFound`, `Invalid` with the place of the fault."""
    row = await session.get(Route, name, with_for_update=True)
    if row is None:
        raise unknown("route", name, [route.name for route in await routes(session)])
    return await _write(session, row, {**as_route(row).model_dump(mode="json"), **changes})


async def save_route(session: AsyncSession, name: str, values: Mapping[str, Any]) -> Route:
    """Write a route, new or whole. Raises `Invalid` with the place of the fault."""
    row = await session.get(Route, name, with_for_update=True)
    return await _write(session, row or Route(name=name), values)


async def write_keywords(session: AsyncSession, wanted: Sequence[Keyword], *, by_person: bool) -> None:
    """Write the list whole, in its order. Raises `Invalid` with the place of the fault."""
    await _lock_keywords(session)
    await _check_keywords(session, wanted)
    await session.execute(delete(RouteKeyword))
    edited_at = func.clock_timestamp() if by_person else None
    for position, one in enumerate(wanted):
        session.add(
            RouteKeyword(keyword=one.keyword, route=one.route, position=position, edited_at=edited_at)
        )
    await session.flush()


async def add_keyword(session: AsyncSession, new: Keyword, *, before: str | None = None) -> None:
    """Put it before another one, or last; one that is there goes to its new route and place."""
    await _lock_keywords(session)
    rows = await keywords(session)
    known = [row.keyword for row in rows]
    if before is not None and before not in known:
        raise unknown("keyword", before, known)
    wanted = [Keyword(keyword=row.keyword, route=row.route) for row in rows if row.keyword != new.keyword]
    places = [place for place, one in enumerate(wanted) if one.keyword == before]
    wanted.insert(places[0] if places else len(wanted), new)
    await write_keywords(session, wanted, by_person=True)


async def remove_keyword(session: AsyncSession, keyword: str) -> None:
    """Raises `NotFound`; `Conflict` for the one that is for any text."""
    await _lock_keywords(session)
    rows = await keywords(session)
    if keyword not in [row.keyword for row in rows]:
        raise unknown("keyword", keyword, [row.keyword for row in rows])
    if keyword == ANYTHING:
        raise Conflict(f"{ANYTHING!r} says where any other text goes: lead it to another route instead")
    left = [Keyword(keyword=row.keyword, route=row.route) for row in rows if row.keyword != keyword]
    await write_keywords(session, left, by_person=True)


async def _lock_keywords(session: AsyncSession) -> None:
    """Two people who edit the list do so one after the other."""
    await session.execute(text(f"LOCK TABLE {RouteKeyword.__tablename__} IN SHARE ROW EXCLUSIVE MODE"))


async def _check_keywords(session: AsyncSession, wanted: Sequence[Keyword]) -> None:
    known = [route.name for route in await routes(session)]
    seen: set[str] = set()
    for place, one in enumerate(wanted):
        if one.route not in known:
            raise Invalid(unknown("route", one.route, known).message, place=f"{place}.route")
        if one.keyword in seen:
            raise Invalid(f"the keyword {one.keyword!r} stands there twice", place=f"{place}.keyword")
        seen.add(one.keyword)
    if ANYTHING not in seen:
        raise Invalid(f"a keyword {ANYTHING!r} must say where any other text goes", place="keyword")


async def _write(session: AsyncSession, row: Route, values: Mapping[str, Any]) -> Route:
    try:
        spec = RouteSpec.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Invalid(f"route {row.name}: {place}: {first['msg']}", place=place) from None
    check_route(spec, {profile.name: as_profile(profile) for profile in await profiles(session)})
    for column, value in spec.model_dump(mode="json").items():
        setattr(row, column, value)
    row.edited_at = func.clock_timestamp()
    session.add(row)
    await session.flush()
    await session.refresh(row)
    return row
