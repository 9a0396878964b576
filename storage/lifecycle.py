"""How pictures age: hot, then warm, then cold, by when they were stored and last looked at.

One policy, applied in two ways: as lifecycle rules of a bucket, whose server then moves objects
itself, and by a sweep over the folders of a local store. Neither deletes anything: whether a
picture goes for good depends on its guild and on what must be preserved, which nobody here knows.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from storage.keys import IMAGE_PREFIX
from storage.object_store import Resting, StorageTier

# Shorter, and Amazon refuses the rule: nothing moves to infrequent access before that.
SHORTEST_HOT_DAYS: Final = 30
_RULE_ID: Final = "impasto-pictures"
_ABORT_DAYS: Final = 7
_WARM_CLASS: Final = "STANDARD_IA"


@dataclass(frozen=True, kw_only=True)
class Lifecycle:
    """After how many days of rest a picture is warm, and after how many it is cold.

    Raises:
        ValueError: it would be cold before it is warm.

    """

    hot_days: int = 30
    warm_days: int = 365

    def __post_init__(self) -> None:
        if not 0 < self.hot_days < self.warm_days:
            raise ValueError("a picture is hot for some days, and cold only after it was warm")

    def tier_of(self, rested: timedelta) -> StorageTier:
        """Return where a picture belongs that was stored, or looked at, so long ago."""
        if rested < timedelta(days=self.hot_days):
            return StorageTier.HOT
        if rested < timedelta(days=self.warm_days):
            return StorageTier.WARM
        return StorageTier.COLD


class TieredStore(Protocol):
    """A store that keeps tiers apart; each of its objects can be read from whichever it is in."""

    def resting(self, prefix: str) -> Iterator[Resting]:
        """Yield the objects whose keys start with `prefix`, in no particular order."""

    def move(self, key: str, tier: StorageTier) -> None:
        """Move an object; readers find it all the while. One that is gone is fine.

        Raises:
            StorageFull: there is no room there; it stays where it is.
            StorageUnavailable: the folder cannot be used.

        """


def sweep(store: TieredStore, lifecycle: Lifecycle, *, now: datetime) -> dict[StorageTier, int]:
    """Move every picture to where it belongs, and count how many went to which tier.

    What was looked at lately comes back up. Only `images/` moves: uploads live for a day, and what
    is sealed stays where it was put.

    Raises:
        StorageFull, StorageUnavailable: from the first move that failed; the rest is for next time.

    """
    moved = Counter[StorageTier]()
    for resting in list(store.resting(IMAGE_PREFIX)):
        tier = lifecycle.tier_of(now - resting.touched_at)
        if tier is not resting.tier:
            store.move(resting.key, tier)
            moved[tier] += 1
    return dict(moved)


def bucket_rules(lifecycle: Lifecycle, *, cold_class: str) -> dict[str, Any]:
    """Return the policy as `put_bucket_lifecycle_configuration` takes it.

    A bucket does not know when an object was last read: there, age alone counts.
    """
    return {
        "Rules": [
            {
                "ID": _RULE_ID,
                "Status": "Enabled",
                "Filter": {"Prefix": IMAGE_PREFIX},
                "Transitions": [
                    {
                        "Days": max(lifecycle.hot_days, SHORTEST_HOT_DAYS),
                        "StorageClass": _WARM_CLASS,
                    },
                    {"Days": lifecycle.warm_days, "StorageClass": cold_class},
                ],
                # Where a bucket keeps versions, a removed picture must not stay behind as one.
                "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": _ABORT_DAYS},
            }
        ]
    }
