"""In-memory twin of what is told to forget cached pictures."""

from collections.abc import Sequence
from datetime import datetime

from storage.purger import PurgeReceipt


class MemoryPurger:
    """The `Purger` in memory; refuses while `is_away`."""

    def __init__(self) -> None:
        self.purged: list[str] = []
        self.is_away = False

    def purge(self, keys: Sequence[str], *, now: datetime) -> PurgeReceipt:
        if not self.is_away:
            self.purged += keys
        return PurgeReceipt(purger="memory", is_accepted=not self.is_away, attempts=1, at=now)
