"""The seam to the outside's ears: takes events as bytes, gives them to whoever listens."""

from collections.abc import AsyncIterator
from typing import Protocol


class EventSink(Protocol):
    """A place events are published to and listened for."""

    async def publish(self, payload: bytes) -> None:
        """Append one event; raises whatever the driver raises."""

    def listen(self, group: str) -> AsyncIterator[bytes]:
        """Yield events for a group of listeners, each at least once, from where it left off.

        An event counts as heard when the next one is asked for. A new group hears what comes from
        now on. Lost connections are waited out.
        """
