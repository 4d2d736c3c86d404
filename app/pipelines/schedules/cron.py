"""When a cron expression ticks in a time zone: the next time, and the times in between. Nothing else."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from app.errors import Invalid

MAX_CHARS = 200
HORIZON = timedelta(days=50 * 366)
"""No expression that ticks at all pauses for longer: 29 February on a given weekday may take 40 years."""
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


@dataclass(frozen=True)
class Cron:
    """Five fields, read by the clock of a time zone, with the rules of Debian's cron.

    `cronsim` reads the fields and decides which days match. The hours of a day are ours: an iterator that
    is started within the hour that a clock repeats gives times of the past, and one that meets a shift of
    half an hour leaves times out.
    """

    expression: str
    zone: ZoneInfo
    fields: CronSim

    @property
    def at_fixed_times(self) -> bool:
        """Such as 02:30 every day, not every 30 minutes: a changed clock neither skips nor repeats it."""
        minute, hour = self.fields.parts[1:3]
        return not minute.startswith("*") and not hour.startswith("*")

    def after(self, instant: datetime, within: timedelta = HORIZON) -> datetime | None:
        """The first tick later than the instant, in UTC; None: there is none in that time."""
        first = self._local_date(instant) - DAY  # a clock put forward may move a tick into the next day
        for number in range(within.days + 2):
            for tick in _ticks(self, first + number * DAY):
                if tick > instant:
                    return tick if tick <= instant + within else None
        return None

    def upcoming(self, instant: datetime, count: int) -> list[datetime]:
        """The next ticks after the instant, by the clock of the zone."""
        found: list[datetime] = []
        while len(found) < count and (tick := self.after(instant)) is not None:
            found.append(tick.astimezone(self.zone))
            instant = tick
        return found

    def newest(self, since: datetime, until: datetime, most: int) -> list[datetime]:
        """The last ticks from `since` to `until`, both included, newest first, at most so many."""
        return list(islice(self._backwards(since, until), most))

    def _backwards(self, since: datetime, until: datetime) -> Iterator[datetime]:
        day, last = self._local_date(until), self._local_date(since) - DAY
        before = until + timedelta(microseconds=1)
        while day >= last:
            for tick in reversed(_ticks(self, day)):
                if since <= tick < before:
                    yield tick
                    before = tick
            day -= DAY

    def instants(self, local: datetime) -> list[datetime]:
        """When the clock shows this: once; never or twice where it is put forward or back.

        What runs at fixed times then runs once: right after the gap, or at the first of the two.
        """
        first = local.astimezone(UTC)
        if first.astimezone(self.zone).replace(tzinfo=None) != local.replace(tzinfo=None):
            return [_after_gap(local)] if self.at_fixed_times else []
        second = local.replace(fold=1).astimezone(UTC)
        return [first] if self.at_fixed_times or second == first else [first, second]

    def _local_date(self, instant: datetime) -> date:
        return instant.astimezone(self.zone).date()


def parse(expression: str, timezone: str) -> Cron:
    """Raises `Invalid` with the place, `cron` or `timezone`, and what would be right."""
    return _parse(" ".join(expression.split()), timezone)


def zone_of(name: str) -> ZoneInfo:
    """Raises `Invalid` for a name that the time zone database does not have."""
    if name not in _names():
        near = difflib.get_close_matches(name.replace(" ", "_"), _names(), n=1)
        hint = f"; did you mean {near[0]}?" if near else ", such as America/Los_Angeles or UTC"
        raise Invalid(f"no time zone {name!r}{hint}", place="timezone")
    return ZoneInfo(name)


@cache
def _names() -> frozenset[str]:
    """Without what stands for the host's own setting: it would be another one on another worker."""
    return frozenset(available_timezones() - {"localtime", "Factory"})


@lru_cache(maxsize=32)
def _ticks(cron: Cron, day: date) -> tuple[datetime, ...]:
    """The ticks of a day of the zone, in order. Kept: one every minute is asked for the same day all day."""
    if day.month not in cron.fields.months or not cron.fields.match_day(day):
        return ()
    ticks: set[datetime] = set()
    for hour in cron.fields.hours:
        for minute in cron.fields.minutes:
            ticks.update(cron.instants(datetime.combine(day, time(hour, minute), cron.zone)))
    return tuple(sorted(ticks))


@lru_cache(maxsize=1024)
def _parse(expression: str, timezone: str) -> Cron:
    zone = zone_of(timezone)
    if expression.startswith("@"):
        raise _wrong(expression, "names such as @daily and @reboot are not known")
    if len(expression) > MAX_CHARS or len(expression.split()) != 5:
        raise _wrong(expression, "it has five fields: minute hour day-of-month month day-of-week")
    try:
        return Cron(expression, zone, CronSim(expression, datetime(2000, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        raise _wrong(expression, str(error).lower()) from None


def _wrong(expression: str, what: str) -> Invalid:
    return Invalid(
        f"the cron expression {expression[:MAX_CHARS]!r} can not be used: {what}; "
        "'0 9 * * 1-5' is 09:00 on workdays",
        place="cron",
    )


def _after_gap(local: datetime) -> datetime:
    """The first minute that the clock shows again after it was put forward over this time."""
    while local.astimezone(UTC).astimezone(local.tzinfo).replace(tzinfo=None) != local.replace(tzinfo=None):
        local += MINUTE
    return local.astimezone(UTC)
