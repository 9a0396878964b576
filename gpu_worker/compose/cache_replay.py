"""Replays requests against a cache of a few places, to compare ways of deciding who stays.

For measurements: a made week with habits, or a recorded trace. All things are of one size here.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gpu_worker.compose.popularity import HOUR_S, HOURS_OF_DAY, HOURS_OF_WEEK, Popularity

WEEK_S = HOUR_S * HOURS_OF_WEEK


@dataclass(frozen=True, kw_only=True)
class Request:
    """Something was asked for."""

    at_s: float
    name: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a way of deciding did."""

    requests: int
    hits: int
    loads_ahead: int

    @property
    def hit_rate(self) -> float:
        """How many of the requests found what they wanted."""
        return self.hits / self.requests if self.requests else 0.0

    @property
    def loads_per_request(self) -> float:
        """How many loads a request cost, those ahead of time included."""
        loads = self.requests - self.hits + self.loads_ahead
        return loads / self.requests if self.requests else 0.0


class Policy(Protocol):
    """Decides who stays in a cache."""

    def record(self, request: Request) -> None:
        """Learn of a request."""

    def choose_victim(self, held: frozenset[str], now_s: float) -> str:
        """Return who leaves."""

    def wanted(self, now_s: float, places: int) -> Sequence[str]:
        """Return what to load ahead at the beginning of an hour, most wanted first."""


class LeastRecent:
    """Who was used longest ago leaves (LRU)."""

    def __init__(self) -> None:
        self._used_at: dict[str, int] = {}
        self._count = 0

    def record(self, request: Request) -> None:
        self._count += 1
        self._used_at[request.name] = self._count

    def choose_victim(self, held: frozenset[str], now_s: float) -> str:
        return min(held, key=lambda name: self._used_at[name])

    def wanted(self, now_s: float, places: int) -> Sequence[str]:
        return ()


class LeastFrequent:
    """Who was used least often leaves, of those the one used longest ago (LFU)."""

    def __init__(self) -> None:
        self._uses: Counter[str] = Counter()
        self._recent = LeastRecent()

    def record(self, request: Request) -> None:
        self._uses[request.name] += 1
        self._recent.record(request)

    def choose_victim(self, held: frozenset[str], now_s: float) -> str:
        fewest = min(self._uses[name] for name in held)
        least = frozenset(name for name in held if self._uses[name] == fewest)
        return self._recent.choose_victim(least, now_s)

    def wanted(self, now_s: float, places: int) -> Sequence[str]:
        return ()


class Predictive:
    """Who is least expected in the next hours leaves; what is expected is loaded ahead."""

    def __init__(self, *, began_at_s: float) -> None:
        self._popularity = Popularity(began_at_s=began_at_s)

    def record(self, request: Request) -> None:
        self._popularity.record(request.name, request.at_s)

    def choose_victim(self, held: frozenset[str], now_s: float) -> str:
        return min(sorted(held), key=lambda name: self._popularity.expect_uses(name, now_s))

    def wanted(self, now_s: float, places: int) -> Sequence[str]:
        sizes = dict.fromkeys(self._popularity.names, 1)
        return self._popularity.plan(now_s, sizes=sizes, room_bytes=places)


def replay(
    requests: Sequence[Request], policy: Policy, *, places: int, judged_from_s: float
) -> Outcome:
    """Serve requests in order through a cache; judge only those from a moment on."""
    held: set[str] = set()
    judged = hits = loads_ahead = 0
    hour = -1
    for request in requests:
        is_judged = request.at_s >= judged_from_s
        if (now_hour := int(request.at_s // HOUR_S)) != hour:
            hour = now_hour
            ahead = _load_ahead(held, policy, now_s=hour * HOUR_S, places=places)
            loads_ahead += ahead if is_judged else 0
        judged += is_judged
        hits += is_judged and request.name in held
        policy.record(request)
        if request.name not in held:
            if len(held) >= places:
                held.remove(policy.choose_victim(frozenset(held), request.at_s))
            held.add(request.name)
    return Outcome(requests=judged, hits=hits, loads_ahead=loads_ahead)


def _load_ahead(held: set[str], policy: Policy, *, now_s: float, places: int) -> int:
    wanted = policy.wanted(now_s, places)
    loads = 0
    for name in wanted:
        if name in held:
            continue
        leaving = held - set(wanted)
        if len(held) >= places and not leaving:
            break
        if len(held) >= places:
            held.remove(policy.choose_victim(frozenset(leaving), now_s))
        held.add(name)
        loads += 1
    return loads


def make_weeks(
    *, weeks: int, seed: int, things: int = 200, circles: int = 12, per_hour: float = 40.0
) -> list[Request]:
    """Make weeks with habits: circles of people meet at their hours, each with its favourites.

    A tenth of all requests are for anything at any time, and favourites follow Zipf's law.
    """
    chance = random.Random(seed)  # noqa: S311 - a simulation
    habits = [_Circle.make(chance, things=things) for _ in range(circles)]
    requests: list[Request] = []
    for hour in range(weeks * HOURS_OF_WEEK):
        meeting = [circle for circle in habits if circle.meets_at(hour % HOURS_OF_WEEK)]
        count = round(per_hour * (0.2 + len(meeting)) * chance.uniform(0.7, 1.3))
        for _ in range(count):
            name = f"thing-{chance.randrange(things)}"
            if meeting and chance.random() < 0.9:
                name = chance.choice(meeting).choose(chance)
            requests.append(Request(at_s=(hour + chance.random()) * HOUR_S, name=name))
    return sorted(requests, key=lambda request: request.at_s)


@dataclass(frozen=True, kw_only=True)
class _Circle:
    days: frozenset[int]
    first_hour: int
    hours: int
    favourites: tuple[str, ...]
    weights: tuple[float, ...]

    @classmethod
    def make(cls, chance: random.Random, *, things: int) -> "_Circle":
        favourites = chance.sample(range(things), 15)
        return cls(
            days=frozenset(chance.sample(range(7), chance.randint(1, 4))),
            first_hour=chance.randrange(HOURS_OF_DAY - 4),
            hours=chance.randint(2, 4),
            favourites=tuple(f"thing-{one}" for one in favourites),
            weights=tuple(1.0 / (rank + 1) for rank in range(15)),
        )

    def meets_at(self, hour_of_week: int) -> bool:
        day, hour = divmod(hour_of_week, HOURS_OF_DAY)
        return day in self.days and self.first_hour <= hour < self.first_hour + self.hours

    def choose(self, chance: random.Random) -> str:
        return chance.choices(self.favourites, self.weights)[0]
