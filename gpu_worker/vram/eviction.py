"""Who has to leave the device's memory when room is needed: the least worth for its bytes; pure."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

# A use counts half as much after this long: an evening's favourite is gone by the next.
HALF_LIFE_S = 1800.0
_DECAY_PER_S = math.log(2) / HALF_LIFE_S


@dataclass(frozen=True, kw_only=True)
class UseRecord:
    """How often something was used of late; every use counts less the longer ago it was."""

    weight: float = 0.0  # uses, each halved every half-life
    counted_at_s: float = 0.0

    def used(self, now_s: float) -> "UseRecord":
        """Return the record with one more use."""
        return replace(self, weight=self._weight_at(now_s) + 1.0, counted_at_s=now_s)

    def uses_per_hour(self, now_s: float) -> float:
        """Return how many uses an hour are to be expected if nothing changes."""
        return self._weight_at(now_s) * _DECAY_PER_S * 3600.0

    def _weight_at(self, now_s: float) -> float:
        passed_s = max(0.0, now_s - self.counted_at_s)
        return self.weight * math.exp(-_DECAY_PER_S * passed_s)


@dataclass(frozen=True, kw_only=True)
class Resident:
    """Something that lies in the device's memory."""

    name: str
    size_bytes: int
    uses_per_hour: float = 0.0
    reload_s: float = 0.0
    is_held: bool = False  # in use now
    is_pinned: bool = False  # always hot, by the operator's word

    @property
    def may_leave(self) -> bool:
        """Whether it can be evicted at all."""
        return not (self.is_held or self.is_pinned)

    @property
    def value_per_byte(self) -> float:
        """Seconds of loading that an hour of its stay saves, for each byte it takes."""
        return self.uses_per_hour * self.reload_s / max(1, self.size_bytes)


def choose_victims(residents: Iterable[Resident], needed_bytes: int) -> tuple[str, ...] | None:
    """Return whom to evict so that `needed_bytes` become free, least worth first.

    None if all that may leave is not enough: then nobody is to leave in vain.
    """
    if needed_bytes <= 0:
        return ()
    leaving: list[Resident] = []
    freed_bytes = 0
    candidates = (resident for resident in residents if resident.may_leave and resident.size_bytes)
    for resident in sorted(candidates, key=lambda one: (one.value_per_byte, one.name)):
        leaving.append(resident)
        freed_bytes += resident.size_bytes
        if freed_bytes >= needed_bytes:
            return _spare(leaving, freed_bytes - needed_bytes)
    return None


def _spare(leaving: list[Resident], surplus_bytes: int) -> tuple[str, ...]:
    """Let those stay, the most worth first, without whom enough becomes free all the same."""
    names: list[str] = []
    for resident in reversed(leaving):
        if resident.size_bytes <= surplus_bytes:
            surplus_bytes -= resident.size_bytes
        else:
            names.append(resident.name)
    return tuple(reversed(names))
