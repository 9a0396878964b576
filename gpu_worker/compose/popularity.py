"""Learns what is asked for at which hour of the week, and says what to have ready; pure.

Three tiers: always hot (the operator's word), frequent (expected within the next hours: fetched
ahead), on demand (loaded when asked for). Time is passed in, in seconds since the epoch, UTC.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gpu_worker.vram.eviction import UseRecord

HOUR_S = 3600.0
HOURS_OF_WEEK = 168
HOURS_OF_DAY = 24
# Last week counts twice as much as the one before.
_WEEK_DECAY = 0.5
# How far ahead it looks; the hour in hand counts most.
_AHEAD = ((0, 0.6), (1, 0.4))
# Weeks differ less in the hour of the day than in the day: what is seen daily counts a little.
_DAILY_SHARE = 0.3
# From so many expected uses an hour on, having something ready is worth a load.
FREQUENT_PER_HOUR = 0.5


class Warmth(StrEnum):
    """How ready something is kept."""

    ALWAYS_HOT = "always_hot"
    FREQUENT = "frequent"
    ON_DEMAND = "on_demand"


@dataclass(kw_only=True)
class _Seen:
    """The uses of one thing: this week's by hour, the faded sum of earlier weeks', and of late."""

    recent: UseRecord = field(default_factory=UseRecord)
    this_week: dict[int, float] = field(default_factory=dict)
    earlier: dict[int, float] = field(default_factory=dict)
    week: int = 0


class Popularity:
    """What is asked for, and when. Knows no clock and no store."""

    def __init__(self, *, began_at_s: float) -> None:
        self._began_at_s = began_at_s
        self._seen: dict[str, _Seen] = {}

    @property
    def names(self) -> Collection[str]:
        """Everything that was ever used."""
        return self._seen.keys()

    def record(self, name: str, at_s: float) -> None:
        """Count one use; uses have to come in the order of time."""
        seen = self._seen.setdefault(name, _Seen(week=self._week(at_s)))
        self._turn_week(seen, self._week(at_s))
        seen.recent = seen.recent.used(at_s)
        hour = _hour_of_week(at_s)
        seen.this_week[hour] = seen.this_week.get(hour, 0.0) + 1.0

    def expect_uses(self, name: str, now_s: float) -> float:
        """Return how many uses an hour are to be expected in the next hours."""
        seen = self._seen.get(name)
        if seen is None:
            return 0.0
        season = sum(
            share * self._usual_at(seen, now_s + ahead * HOUR_S) for ahead, share in _AHEAD
        )
        # What runs now runs on for a while, whatever the hour usually brings.
        return max(season, 0.5 * (season + seen.recent.uses_per_hour(now_s)))

    def warmth(self, name: str, now_s: float, *, always_hot: Collection[str] = ()) -> Warmth:
        """Return the tier of a thing at this hour."""
        if name in always_hot:
            return Warmth.ALWAYS_HOT
        if self.expect_uses(name, now_s) >= FREQUENT_PER_HOUR:
            return Warmth.FREQUENT
        return Warmth.ON_DEMAND

    def plan(
        self,
        now_s: float,
        *,
        sizes: Mapping[str, int],
        room_bytes: int,
        always_hot: Collection[str] = (),
    ) -> tuple[str, ...]:
        """Return what to have ready now, most wanted for its bytes first, as far as room goes.

        What is always hot comes first, and whether or not anybody ever asked for it.
        """
        chosen = [name for name in sizes if name in always_hot]
        expected = {name: self.expect_uses(name, now_s) for name in sizes if name not in always_hot}
        wanted = (name for name, uses in expected.items() if uses >= FREQUENT_PER_HOUR)
        chosen += sorted(wanted, key=lambda name: (-expected[name] / max(1, sizes[name]), name))
        return tuple(_while_room(chosen, sizes=sizes, room_bytes=room_bytes))

    def _usual_at(self, seen: _Seen, at_s: float) -> float:
        """Return how many uses the hour of `at_s` brought in the weeks before."""
        week, hour = self._week(at_s), _hour_of_week(at_s)
        passed = week - seen.week
        past = dict(seen.earlier)
        if passed:
            past = _fade(past, seen.this_week, passed)
        weeks = _faded_weeks(week - self._week(self._began_at_s))
        weekly = past.get(hour, 0.0) / weeks if weeks else 0.0
        return (1 - _DAILY_SHARE) * weekly + _DAILY_SHARE * self._daily_at(seen, past, at_s)

    def _daily_at(self, seen: _Seen, past: Mapping[int, float], at_s: float) -> float:
        """Return how many uses this hour of the day brought, over all days known."""
        is_current = self._week(at_s) == seen.week
        uses, days = 0.0, 0.0
        for hour in range(_hour_of_week(at_s) % HOURS_OF_DAY, HOURS_OF_WEEK, HOURS_OF_DAY):
            uses += past.get(hour, 0.0) + (seen.this_week.get(hour, 0.0) if is_current else 0.0)
        days = 7 * _faded_weeks(self._week(at_s) - self._week(self._began_at_s))
        days += _hour_of_week(at_s) // HOURS_OF_DAY
        return uses / days if days else 0.0

    def _turn_week(self, seen: _Seen, week: int) -> None:
        if week > seen.week:
            seen.earlier = _fade(seen.earlier, seen.this_week, week - seen.week)
            seen.this_week, seen.week = {}, week

    @staticmethod
    def _week(at_s: float) -> int:
        return int(at_s // (HOUR_S * HOURS_OF_WEEK))


def _fade(earlier: Mapping[int, float], last: Mapping[int, float], weeks: int) -> dict[int, float]:
    """Return earlier weeks and the last one together, as they count `weeks` later."""
    hours = earlier.keys() | last.keys()
    return {
        hour: (_WEEK_DECAY * earlier.get(hour, 0.0) + last.get(hour, 0.0))
        * _WEEK_DECAY ** (weeks - 1)
        for hour in hours
    }


def _faded_weeks(weeks: int) -> float:
    """Return how much so many whole weeks count together."""
    return sum(_WEEK_DECAY**past for past in range(weeks))


def _hour_of_week(at_s: float) -> int:
    return int(at_s // HOUR_S) % HOURS_OF_WEEK


def _while_room(
    names: Iterable[str], *, sizes: Mapping[str, int], room_bytes: int
) -> Iterable[str]:
    for name in names:
        if sizes[name] <= room_bytes:
            room_bytes -= sizes[name]
            yield name
