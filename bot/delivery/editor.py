"""One job's message has one owner: newest wins, one edit in flight, the end last."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

_log = structlog.get_logger(__name__)


class JobEditor:
    """Decides when a job's message is edited; `show` edits it and says whether that was the end.

    However often `kick` is called, edits are at least `interval_s` apart and each shows what is
    true when it begins. The end does not wait for the interval, and nothing is shown after it.
    """

    def __init__(self, *, show: Callable[[], Awaitable[bool]], interval_s: float) -> None:
        self._show = show
        self._interval_s = interval_s
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_wanted = False
        self._is_urgent = False
        self.is_closed = False

    def kick(self, *, is_urgent: bool = False) -> None:
        """Ask for an edit: soon, or at once if it may be the end."""
        if self.is_closed:
            return
        self._is_wanted = True
        self._is_urgent = self._is_urgent or is_urgent
        if self._task is None and (self._timer is None or self._is_urgent):
            self._begin()

    def close(self) -> None:
        """Show nothing any more; an edit in flight is finished."""
        self.is_closed = True
        self._is_wanted = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def drain(self) -> None:
        """Wait for the edit in flight."""
        if self._task is not None:
            await asyncio.wait({self._task})

    def _begin(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            while self._is_wanted:
                self._is_wanted = self._is_urgent = False
                if await self._shown():
                    self.close()
                    return
                if not self._is_urgent:
                    break
        finally:
            self._task = None
        if not self.is_closed:
            # A timer, not a sleeping task: a thousand waiting jobs cost a thousand small objects.
            self._timer = asyncio.get_running_loop().call_later(self._interval_s, self._rested)

    async def _shown(self) -> bool:
        try:
            return await self._show()
        except Exception:  # noqa: BLE001 - the edge of one job's owner; the sweep tries again
            _log.warning("delivery.edit_failed", exc_info=True)
            return False

    def _rested(self) -> None:
        self._timer = None
        if self._is_wanted and self._task is None:
            self._begin()
