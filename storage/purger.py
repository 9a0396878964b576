"""The seam of whatever keeps copies in front of the store: told which keys are gone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class PurgeReceipt:
    """What a cache in front of us said when it was told to forget.

    `reference` is its own name for the order, as an invalidation's id; `reason` says why it was
    not taken, and never holds a link or a credential.
    """

    purger: str
    is_accepted: bool
    attempts: int
    at: datetime
    reference: str = ""
    reason: str = ""


class Purger(Protocol):
    """Makes caches forget; safe to share between threads."""

    def purge(self, keys: Sequence[str], *, now: datetime) -> PurgeReceipt:
        """Ask for these keys to be forgotten, and ask again while that may help; never raises.

        What is not in any cache may be purged too, and twice.
        """
