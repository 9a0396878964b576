"""The seam of every place objects can live: bytes under a key, and links to them.

Every method may raise StorageUnavailable, and InvalidKey for a malformed key.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

_ROUNDED_FROM_S: Final = 600
_ROUNDED_TO_S: Final = 60


class StorageTier(StrEnum):
    """How near an object is kept: the colder, the cheaper, and the slower to read."""

    HOT = "hot"
    WARM = "warm"
    COLD = "cold"


@dataclass(frozen=True, kw_only=True)
class Resting:
    """An object in its tier, and when it was stored or last looked at."""

    key: str
    tier: StorageTier
    touched_at: datetime


class ObjectStore(Protocol):
    """Holds objects by key; safe to share between threads.

    Each is also a `LinkSigner`, whose links lead to where it hands its objects out by itself.
    """

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Store an object, replacing what was there; readers see the old or the new, never a part.

        Raises:
            StorageFull: there is no room; nothing was changed.

        """

    def get(self, key: str) -> bytes:
        """Return an object's bytes.

        Raises:
            ObjectNotFound: there is none.
            ObjectCold: it is archived, and being fetched now.

        """

    def exists(self, key: str) -> bool:
        """Tell whether there is an object under this key."""

    def delete(self, key: str) -> None:
        """Remove an object; a missing one is fine."""

    def link(self, key: str, ttl_s: int, now: datetime) -> str:
        """Return a URL by which anyone may GET the object until `now` + `ttl_s`.

        Does not ask whether the object exists.

        Raises:
            InvalidKey: the key lies outside `images/`.

        """

    def list_keys(self, prefix: str) -> Iterator[str]:
        """Yield every key that starts with `prefix`, in no particular order."""


def link_expiry(now: datetime, ttl_s: int) -> datetime:
    """Return when a link ends: to the second, or to the next minute if it lives ten or more.

    Long-lived links to one object are thus the same for a minute, so that browsers and caches hit.
    """
    step_s = _ROUNDED_TO_S if ttl_s >= _ROUNDED_FROM_S else 1
    end = (now + timedelta(seconds=ttl_s)).timestamp()
    return datetime.fromtimestamp(math.ceil(end / step_s) * step_s, UTC)
