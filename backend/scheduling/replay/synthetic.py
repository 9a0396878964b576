"""Makes traces with the statistics of a production service, from published numbers alone.

The tables are summary statistics of the GenTD26 trace of Alibaba's text-to-image service (Lin et
al., SoCC '25); no row of it is here. Which tier a user is in is not in that trace: 15, 30 and 55 in
a hundred users are assumed to be in turbo, fast and relax.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import exp, log
from random import Random

from backend.domain.families import ModelFamily
from backend.domain.tiers import Tier
from backend.scheduling.costs import PICTURE_S, STEPS_USUAL
from backend.scheduling.replay.trace import Arrival

Table = Sequence[tuple[float, float]]

USERS = 4247
MODELS = 87
ADAPTERS = 874
# (rank, share of all requests up to it)
USER_SHARES: Table = (
    (1, 0.045), (2, 0.0634), (3, 0.0767), (5, 0.0991), (10, 0.1469), (20, 0.206), (50, 0.2953),
    (100, 0.3697), (200, 0.4575), (500, 0.5999), (1000, 0.7319), (2000, 0.8752), (3000, 0.9535),
    (USERS, 1.0),
)  # fmt: skip
MODEL_SHARES: Table = (
    (1, 0.307), (2, 0.4565), (5, 0.7041), (10, 0.8665), (20, 0.9392), (50, 0.9899), (MODELS, 1.0),
)  # fmt: skip
ADAPTER_SHARES: Table = (
    (1, 0.079), (5, 0.197), (10, 0.28), (50, 0.559), (100, 0.688), (200, 0.816), (ADAPTERS, 1.0),
)  # fmt: skip
# (value, share)
IMAGES: Table = ((1, 0.578), (2, 0.082), (4, 0.192), (8, 0.148))
STEPS: Table = ((30, 0.907), (40, 0.051), (28, 0.008), (50, 0.006), (35, 0.005), (25, 0.023))
WITH_ADAPTER = 0.168
SAME_AS_BEFORE = 0.7
HOURS = (
    14.3, 4.1, 4.4, 4.5, 2.5, 1.3, 1.3, 0.9, 0.5, 0.2, 0.1, 0.0,
    0.0, 0.0, 0.0, 0.1, 2.4, 8.7, 10.3, 2.3, 4.1, 12.4, 12.4, 13.2,
)  # fmt: skip
# The six busiest hours, as an evening.
EVENING = (8.7, 10.3, 12.4, 12.4, 13.2, 14.3)
# (probability, seconds until the same user asks again within a session)
GAPS: Table = ((0.0, 6.0), (0.11, 27.0), (0.27, 43.0), (0.545, 73.0), (0.81, 150.0), (0.95, 480.0),
               (1.0, 1500.0))  # fmt: skip
SESSION_MEAN = 14.0
# (part of the days, their volume against the mean day)
DAYS: Table = ((0.0, 0.06), (0.15, 0.08), (0.25, 0.3), (0.5, 1.1), (0.75, 1.55), (1.0, 2.5))
HOUR_SIGMA = 0.2
# How much ten minutes of an evening differ from what the hour says.
TEN_MINUTES_SIGMA = 0.12
TIER_OF_USERS = (Tier.TURBO,) * 3 + (Tier.FAST,) * 6 + (Tier.RELAX,) * 11


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A request as a service logs it; `user` and `model` are ranks, 0 the most frequent."""

    at_s: float
    user: int
    model: int
    images: int
    steps: int
    adapter: int | None = None


def shares_by_rank(table: Table) -> list[float]:
    """Return each rank's share, between the table's ranks as straight lines over log(rank)."""
    sums = [table[0][1]]
    for (low, low_sum), (high, high_sum) in pairwise(table):
        for rank in range(int(low) + 1, int(high) + 1):
            part = log(rank / low) / log(high / low)
            sums.append(low_sum + part * (high_sum - low_sum))
    return [sums[0], *(after - before for before, after in pairwise(sums))]


def production_like(*, requests: int, days: int, seed: int) -> list[Asked]:
    """Make the log of `days` days of a service with the hours, days and sessions of the trace."""
    random = Random(seed)  # noqa: S311 - a model of people, not a secret
    # Evenly spread over the distribution, so that a few days of luck do not make the month.
    volumes = [_between(DAYS, (day + 0.5) / days) for day in range(days)]
    random.shuffle(volumes)
    slots = [
        volume * hour * random.lognormvariate(0.0, HOUR_SIGMA)
        for volume in volumes
        for hour in HOURS
    ]
    return _Service(random, slots, 3600.0).log(requests)


def busy_evening(*, requests: int, seed: int, hours: float = 6.0) -> list[Asked]:
    """Make the log of one evening: the busiest quarter of a day, stretched to `hours`."""
    random = Random(seed)  # noqa: S311 - a model of people, not a secret
    slots = [
        hour * random.lognormvariate(0.0, TEN_MINUTES_SIGMA) for hour in EVENING for _ in range(6)
    ]
    return _Service(random, slots, hours * 100.0).log(requests)


def as_trace(
    asked: Sequence[Asked], *, gpus: Mapping[ModelFamily, int], seed: int
) -> list[Arrival]:
    """Give users tiers, models families and requests GPU-seconds.

    Models are dealt to families so that each family's GPUs get about the same load.
    """
    random = Random(seed + 1)  # noqa: S311 - a model of people, not a secret
    tiers = _tiers(max(each.user for each in asked) + 1, random)
    families = _families(asked, gpus)
    return [
        Arrival(
            arrival_s=each.at_s,
            user=f"u{each.user}",
            tier=tiers[each.user],
            family=families[each.model],
            # Measured times of one kind of job lie within a few percent.
            gpu_s=PICTURE_S[families[each.model]]
            * each.images
            * each.steps
            / STEPS_USUAL
            * exp(random.gauss(0.0, 0.03)),
            images=each.images,
            adapter="" if each.adapter is None else f"a{each.model % 7}-{each.adapter}",
        )
        for each in sorted(asked, key=lambda request: request.at_s)
    ]


def mean_gpu_s(asked: Sequence[Asked], family: ModelFamily) -> float:
    """Return the mean GPU-seconds of these requests, were they all of one family."""
    total = sum(each.images * each.steps for each in asked)
    return PICTURE_S[family] * total / STEPS_USUAL / len(asked)


class _Service:
    """Draws users, their sessions and what they ask for."""

    def __init__(self, random: Random, slots: Sequence[float], slot_s: float) -> None:
        self._random = random
        self._slots = list(accumulate(slots))
        self._slot_s = slot_s
        self._length_s = len(slots) * slot_s
        self._models = list(accumulate(shares_by_rank(MODEL_SHARES)))
        self._adapters = list(accumulate(shares_by_rank(ADAPTER_SHARES)))
        self._images = list(accumulate(share for _, share in IMAGES))
        self._steps = list(accumulate(share for _, share in STEPS))

    def log(self, requests: int) -> list[Asked]:
        """Return about so many requests in order of time."""
        asked: list[Asked] = []
        owed = 0.0
        for user, share in enumerate(shares_by_rank(USER_SHARES)):
            # What rounding leaves is carried on, so that many small users still ask at all.
            owed += share * requests
            count = round(owed)
            owed -= count
            asked += self._user(user, count)
        return sorted(asked, key=lambda request: request.at_s)

    def _user(self, user: int, count: int) -> list[Asked]:
        model = self._pick(self._models)
        habit = self._pick(self._adapters)
        requests: list[Asked] = []
        while count > 0:
            length = min(count, self._session_length())
            count -= length
            for at_s in self._session(length):
                random = self._random.random
                if random() >= SAME_AS_BEFORE:
                    model = self._pick(self._models)
                adapter = None
                if random() < WITH_ADAPTER:
                    adapter = habit if random() < SAME_AS_BEFORE else self._pick(self._adapters)
                requests.append(
                    Asked(
                        at_s=at_s,
                        user=user,
                        model=model,
                        images=int(IMAGES[self._pick(self._images)][0]),
                        steps=int(STEPS[self._pick(self._steps)][0]),
                        adapter=adapter,
                    )
                )
        return requests

    def _session_length(self) -> int:
        return 1 + int(self._random.expovariate(1.0 / (SESSION_MEAN - 0.5)))

    def _session(self, length: int) -> list[float]:
        slot = self._pick(self._slots)
        middle_s = (slot + self._random.random()) * self._slot_s
        moments = [
            0.0,
            *accumulate(_between(GAPS, self._random.random()) for _ in range(length - 1)),
        ]
        begin_s = middle_s - moments[-1] / 2
        # Who would ask before the beginning or after the end does so inside.
        return [(begin_s + moment_s) % self._length_s for moment_s in moments]

    def _pick(self, sums: Sequence[float]) -> int:
        return min(len(sums) - 1, bisect_left(sums, self._random.random() * sums[-1]))


def _between(table: Table, part: float) -> float:
    """Return the table's value at `part`, between its entries in equal ratios."""
    at = max(1, bisect_left(table, (part,)))
    (low, low_value), (high, high_value) = table[at - 1], table[at]
    return exp(log(low_value) + (part - low) / (high - low) * log(high_value / low_value))


def _tiers(users: int, random: Random) -> list[Tier]:
    """Deal tiers so that of each twenty users of neighbouring rank three are turbo, six fast."""
    tiers: list[Tier] = []
    while len(tiers) < users:
        hand = list(TIER_OF_USERS)
        random.shuffle(hand)
        tiers += hand
    return tiers


def _families(asked: Sequence[Asked], gpus: Mapping[ModelFamily, int]) -> dict[int, ModelFamily]:
    work: dict[int, float] = {}
    for each in asked:
        work[each.model] = work.get(each.model, 0.0) + each.images * each.steps
    given = dict.fromkeys(gpus, 0.0)
    dealt: dict[int, ModelFamily] = {}
    for model in sorted(work, key=lambda model: -work[model]):
        family = min(
            gpus, key=lambda each: (given[each] + work[model] * PICTURE_S[each]) / gpus[each]
        )
        given[family] += work[model] * PICTURE_S[family]
        dealt[model] = family
    return dealt
