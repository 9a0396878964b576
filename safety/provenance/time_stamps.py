"""Who stamps manifests with the time (RFC 3161), and what becomes of one who does not answer."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

# The library that signs gives a server thirty seconds; a tenth of all time is the most it may cost.
RESTS: Final = timedelta(minutes=5)


class TimeStampAuthority:
    """A server that stamps manifests; one that failed is left alone for five minutes.

    A stamp is a second proof of something that is already signed, so that nothing waits for a
    server that is away.
    """

    def __init__(self, url: str, *, clock: Callable[[], datetime]) -> None:
        self._url = url
        self._clock = clock
        self._rests_until: datetime | None = None
        self._lock = threading.Lock()

    def url(self) -> str | None:
        """Return where to ask now; None while it rests."""
        with self._lock:
            rests = self._rests_until is not None and self._clock() < self._rests_until
        return None if rests else self._url

    def failed(self) -> None:
        """Leave it alone for a while."""
        with self._lock:
            self._rests_until = self._clock() + RESTS
