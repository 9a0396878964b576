"""Channels that do not let us in: left alone for a while, and longer each time.

Discord bans an address for an hour and more that is refused ten thousand times in ten minutes, and
a desk that looks every few seconds would be, with a hundred cards for one channel it lost.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import discord
import structlog

from bot.delivery.posting import Obstacle, obstacle_of

FIRST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(hours=1)
# A question to a database has an end.
_NAMED_MAX: Final = 200

_log = structlog.get_logger(__name__)


class StillClosed(Exception):
    """A channel did not let us in lately, and is not asked now."""


@dataclass(frozen=True, kw_only=True)
class _Door:
    """When a channel is asked again, and how long it was left alone."""

    again_at: datetime
    pause: timedelta


class ClosedDoors:
    """Remembers which channels refused us; belongs to one event loop."""

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._doors: dict[int, _Door] = {}

    def closed(self) -> list[int]:
        """Return the channels that are left alone just now, those shut last first."""
        now = self._clock()
        found = [channel_id for channel_id, door in self._doors.items() if now < door.again_at]
        return found[::-1][:_NAMED_MAX]

    @contextmanager
    def at(self, channel_id: int) -> Iterator[None]:
        """Ask something of a channel in the block, if it is not left alone just now.

        Raises:
            StillClosed: it is, and nothing in the block was done.
            discord.HTTPException: what Discord answered.

        """
        door = self._doors.get(channel_id)
        if door is not None and self._clock() < door.again_at:
            raise StillClosed
        try:
            yield
        except discord.HTTPException as error:
            if obstacle_of(error) is Obstacle.NOT_LET_IN:
                self._shut(channel_id, door)
            raise
        self._doors.pop(channel_id, None)

    def _shut(self, channel_id: int, door: _Door | None) -> None:
        pause = FIRST_PAUSE if door is None else min(2 * door.pause, LONGEST_PAUSE)
        self._doors.pop(channel_id, None)
        self._doors[channel_id] = _Door(again_at=self._clock() + pause, pause=pause)
        _log.warning(
            "desk.not_let_in", channel_id=channel_id, again_in_s=round(pause.total_seconds())
        )
