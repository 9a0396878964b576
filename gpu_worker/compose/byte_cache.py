"""A cache that holds so many bytes and no more; who is worth least leaves first."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from math import isinf
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class ByteCache(Generic[K, V]):
    """Who is worth least leaves first; of equals, who was used longest ago. For one thread.

    What is worth infinitely much never leaves for others.
    """

    def __init__(
        self,
        *,
        most_bytes: int,
        weigh: Callable[[V], int],
        worth: Callable[[K], float] = lambda _key: 0.0,
    ) -> None:
        self._most_bytes = most_bytes
        self._weigh = weigh
        self._worth = worth
        self._held: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self.used_bytes = 0
        self.hits = 0
        self.misses = 0

    def find(self, key: K) -> V | None:
        """Return what is held under a key."""
        if key not in self._held:
            self.misses += 1
            return None
        self.hits += 1
        self._held.move_to_end(key)
        return self._held[key][0]

    def put(self, key: K, value: V) -> None:
        """Hold a value, letting go of others; what is too large for the whole cache is not held."""
        size = self._weigh(value)
        if key in self._held:
            self.used_bytes -= self._held.pop(key)[1]
        if size > self._most_bytes:
            return
        while self.used_bytes + size > self._most_bytes:
            victim = min(self._held, key=self._worth)
            if isinf(self._worth(victim)):
                return
            self.used_bytes -= self._held.pop(victim)[1]
        self._held[key] = (value, size)
        self.used_bytes += size

    def forget(self) -> None:
        """Let go of everything."""
        self._held.clear()
        self.used_bytes = 0

    def __contains__(self, key: object) -> bool:
        return key in self._held

    def __iter__(self) -> Iterator[K]:
        return iter(self._held)
