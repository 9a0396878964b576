"""How evenly the accounts of a tier are served: Jain's index over what each was given of its due.

Time is cut into rounds. In each, those who waited at its beginning are due the max-min fair parts
of what they were given together: who got all that was wanted is due no more than that. The index
is taken over given / due, and rounds are weighed by their length and accounts. 1 is perfectly
even; with one account that takes everything from n others it nears 1/n.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

# A round lasts until each account that still waits could have begun this many jobs.
ROUND_TURNS: Final = 8
# From so many on, a round that still lasts says something: (4, 5, 4, 5 …) is 0.99 even.
EARLY_TURNS: Final = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class RoundEnd:
    """How even a round was; `weight` is its seconds times its accounts."""

    ended_s: float
    weight: float
    jain: float


class Rounds:
    """Cuts what begins in one tier into rounds."""

    def __init__(self) -> None:
        self._current: _Round | None = None

    @property
    def is_between(self) -> bool:
        """Whether the next job that begins may begin a round."""
        return self._current is None

    def begin(
        self,
        account: str,
        gpu_s: float,
        *,
        now_s: float,
        waiting: Collection[str],
        is_last: bool,
    ) -> RoundEnd | None:
        """Count a job that begins; return the round that ends with it, if one does.

        `waiting` are those who waited just before, this account among them; it matters only between
        two rounds. `is_last` is whether nothing more of the account waits.
        """
        if self._current is None:
            if len(waiting) < 2:
                return None
            self._current = _Round(now_s, waiting)
        current = self._current
        current.begin(account, gpu_s, is_last=is_last)
        if not current.has_had(ROUND_TURNS):
            return None
        self._current = None
        return current.end(now_s)

    def satisfy(self, waits: Callable[[str], bool]) -> None:
        """Let accounts for which `waits` is false want nothing more, whatever they were given."""
        if self._current is not None:
            self._current.satisfy(waits)

    def so_far(self, now_s: float) -> RoundEnd | None:
        """Return the round that still lasts, if it has lasted long enough to say something."""
        current = self._current
        if current is None or not current.has_had(EARLY_TURNS):
            return None
        return current.end(now_s)


class RecentEvenness:
    """The evenness of one tier lately."""

    def __init__(self, *, window_s: float) -> None:
        self._window_s = window_s
        self._rounds = Rounds()
        self._ended: deque[RoundEnd] = deque()

    @property
    def is_between(self) -> bool:
        """Whether the next job that begins may begin a round."""
        return self._rounds.is_between

    def begin(
        self,
        account: str,
        gpu_s: float,
        *,
        now_s: float,
        waiting: Collection[str],
        is_last: bool,
    ) -> None:
        """Count a job that begins, as `Rounds.begin` does."""
        ended = self._rounds.begin(account, gpu_s, now_s=now_s, waiting=waiting, is_last=is_last)
        if ended is not None:
            self._ended.append(ended)

    def index(self, now_s: float, *, waits: Callable[[str], bool]) -> float | None:
        """Return Jain's index over the rounds that ended lately; None if nobody competed.

        Where no round has ended lately, the one that still lasts is taken. `waits` says whether an
        account has something that may begin: those that lost their jobs want no more.
        """
        self._rounds.satisfy(waits)
        while self._ended and self._ended[0].ended_s < now_s - self._window_s:
            self._ended.popleft()
        if self._ended:
            return mean_jain(self._ended)
        lasting = self._rounds.so_far(now_s)
        return None if lasting is None else lasting.jain


class _Round:
    """What those who waited at one moment were given since."""

    def __init__(self, began_s: float, waiting: Iterable[str]) -> None:
        self._began_s = began_s
        self._given = dict.fromkeys(waiting, 0.0)
        self._wanting = set(self._given)
        self._turns = 0

    def begin(self, account: str, gpu_s: float, *, is_last: bool) -> None:
        """Count a job that begins; the last that waits satisfies its account."""
        if account in self._wanting:
            self._given[account] += gpu_s
            self._turns += 1
            if is_last:
                self._wanting.remove(account)

    def satisfy(self, waits: Callable[[str], bool]) -> None:
        self._wanting = {account for account in self._wanting if waits(account)}

    def has_had(self, turns: int) -> bool:
        """Whether all were satisfied, or those who were not could have had so many turns."""
        return self._turns >= turns * len(self._wanting)

    def end(self, now_s: float) -> RoundEnd:
        weight = (now_s - self._began_s) * len(self._given)
        return RoundEnd(ended_s=now_s, weight=weight, jain=self._jain())

    def _jain(self) -> float:
        """Return Jain's index of given over due."""
        wishes = {
            account: inf if account in self._wanting else gpu_s
            for account, gpu_s in self._given.items()
        }
        due = max_min(wishes, sum(self._given.values()))
        return jain([self._given[account] / due[account] for account in due if due[account] > 0])


def mean_jain(rounds: Collection[RoundEnd]) -> float:
    """Return the weighed mean of rounds, 1 of none; rounds without a length count the same."""
    weights = [each.weight for each in rounds]
    if not any(weights):
        weights = [1.0] * len(weights)
    total = sum(weights)
    weighed = sum(weight * each.jain for weight, each in zip(weights, rounds, strict=True))
    return weighed / total if total else 1.0


def max_min(asked: Mapping[str, float], capacity: float) -> dict[str, float]:
    """Divide `capacity` so that nobody gets more than asked, and the least get the most."""
    parts: dict[str, float] = {}
    left = len(asked)
    for account, wish in sorted(asked.items(), key=lambda entry: entry[1]):
        parts[account] = min(wish, capacity / left)
        capacity -= parts[account]
        left -= 1
    return parts


def jain(figures: Sequence[float]) -> float:
    """Return Jain's fairness index, 1 for equal figures and for none."""
    squares = sum(figure * figure for figure in figures)
    return sum(figures) ** 2 / (len(figures) * squares) if squares else 1.0
