"""Pictures that many look at: small ones, the most wanted of late, kept in memory in bounds."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

WANTED_FROM: Final = 3
LARGEST_BYTES: Final = 256 * 1024
_NOTED_MAX: Final = 20_000


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A picture's bytes and content type."""

    data: bytes
    content_type: str


class PopularPictures:
    """Counts who is wanted and keeps the most wanted; belongs to one event loop.

    Counts are halved when too many keys are noted, so that yesterday's favourites make room. What
    is removed must be dropped by whoever notices: this knows nothing of the store.
    """

    def __init__(self, *, room_bytes: int = 32 * 1024 * 1024) -> None:
        self._room_bytes = room_bytes
        self._used_bytes = 0
        self._wanted: Counter[str] = Counter()
        self._kept: dict[str, Kept] = {}

    def want(self, key: str) -> Kept | None:
        """Count a look at a picture, and return it if it is kept."""
        self._wanted[key] += 1
        if len(self._wanted) > _NOTED_MAX:
            halved = Counter({name: count // 2 for name, count in self._wanted.items()})
            self._wanted = +halved
        return self._kept.get(key)

    def is_becoming(self, key: str) -> bool:
        """Say whether the last look at a picture is the one that made it popular."""
        return self._wanted[key] == WANTED_FROM

    def expect(self, key: str, picture: Kept) -> None:
        """Keep a picture that nobody has asked for yet, where there is room for it."""
        self._wanted[key] = max(self._wanted[key], WANTED_FROM)
        self.offer(key, picture)

    def offer(self, key: str, picture: Kept) -> None:
        """Keep a picture that was just read, if it is wanted more than what it would displace."""
        size = len(picture.data)
        if self._wanted[key] < WANTED_FROM or size > min(LARGEST_BYTES, self._room_bytes):
            return
        self.drop(key)
        while self._used_bytes + size > self._room_bytes:
            least = min(self._kept, key=lambda name: self._wanted[name])
            if self._wanted[least] >= self._wanted[key]:
                return
            self.drop(least)
        self._kept[key] = picture
        self._used_bytes += size

    def drop(self, key: str) -> None:
        """Forget a picture's bytes; one that is not kept is fine."""
        picture = self._kept.pop(key, None)
        if picture is not None:
            self._used_bytes -= len(picture.data)
