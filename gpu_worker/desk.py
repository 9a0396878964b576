"""The jobs a worker has in hand, how many more it wants, and which of them hang."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from gpu_worker.engine.pace import Lead, Stage
from gpu_worker.engine.steps import StepWatch

# Jobs in hand at once: those that are drawn, the next, and finished ones that are checked, stored
# and told. So many that the engine draws on while release is held up for a few pictures' time, by
# a host that is busy or a store that is away; each is a picture that a lost worker has to redraw.
SLOTS: Final = 8
# A message that was popped reaches its slot within milliseconds, unless it was thrown away.
POPPED_FOR_S: Final = 5.0
_BESIDE_ENGINE: Final = frozenset({Stage.FETCHING, Stage.RELEASING})
_ON_ENGINE: Final = frozenset({Stage.BEGINNING, Stage.STEPPING, Stage.DECODING})


class Desk:
    """Counts the worker's jobs; safe to share between threads.

    `drawn_at_once` is how many jobs the engine draws together. The next one is wanted as soon as
    one of them is about to end, by as much before as answers take (`lead`). A job that is begun
    again is drawn alone: if it is the one that kills workers, no other goes down with it.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        drawn_at_once: int = 1,
        slots: int = SLOTS,
        lead: Lead | None = None,
    ) -> None:
        self.drawn_at_once = drawn_at_once
        self._clock = clock
        self.slots = max(slots, drawn_at_once + 1)
        self._watches: list[StepWatch] = []
        self._held: list[StepWatch] = []
        self._popped: deque[float] = deque()
        self._lead = lead or Lead()
        self._asked_at: float | None = None
        self._is_asking = True
        self._rests_until = clock()
        # Moves of jobs that have left the desk count too: the engine was alive then.
        self._moved_at = clock()
        self._lock = threading.Condition()

    def wants(self) -> int:
        """Return how many more jobs are wanted now."""
        with self._lock:
            wanted = self._wanted()
            if not wanted:
                self._asked_at = None
            elif self._asked_at is None and self._is_drawing():
                self._asked_at = self._clock()
            return wanted

    def _is_drawing(self) -> bool:
        """Whether what is wanted now is wanted ahead; an idle worker waits for people."""
        return any(watch.stage in _ON_ENGINE for watch in self._watches)

    def _wanted(self) -> int:
        if not self._is_asking or self.is_resting:
            return 0
        if any(watch.is_suspect for watch in self._watches):
            return 0
        while self._popped and self._clock() - self._popped[0] > POPPED_FOR_S:
            self._popped.popleft()
        coming = len(self._popped)
        busy = sum(not watch.is_ending for watch in self._watches)
        room = self.slots - len(self._watches) - coming
        return max(0, min(self.drawn_at_once - busy - coming, room))

    def stop_asking(self) -> None:
        """Want nothing any more; safe in a signal's handler."""
        self._is_asking = False

    def rest(self, for_s: float) -> None:
        """Want nothing for so long."""
        self._rests_until = self._clock() + for_s

    @property
    def is_resting(self) -> bool:
        """Whether it wants nothing for a while."""
        return self._clock() < self._rests_until

    @property
    def is_asking(self) -> bool:
        """Whether it will want more jobs, now or later."""
        return self._is_asking

    def pop(self) -> None:
        """Count a message that was taken from its queue and is on its way to a slot."""
        with self._lock:
            now = self._clock()
            self._popped.append(now)
            if self._asked_at is not None:
                self._lead.learn(now - self._asked_at)
            # If more are wanted, that is asked from now on.
            self._asked_at = None

    def unpop(self) -> None:
        """Forget a message that reached its slot and is no job."""
        with self._lock:
            if self._popped:
                self._popped.popleft()

    def put(self, watch: StepWatch) -> None:
        """Have a job in hand, whose message reached its slot."""
        with self._lock:
            if self._popped:
                self._popped.popleft()
            self._watches.append(watch)

    def drop(self, watch: StepWatch) -> None:
        """Be done with a job."""
        with self._lock:
            self._moved_at = max(self._moved_at, watch.moved_at)
            self._watches.remove(watch)
            self._lock.notify_all()

    def wait_for_turn(self, watch: StepWatch) -> None:
        """Wait until no job that came earlier is one that was begun before."""
        self._hold(watch, lambda: not any(one.is_suspect for one in self._before(watch)))

    def wait_alone(self, watch: StepWatch) -> None:
        """Wait, if the job was begun before, until all that came earlier have ended."""
        self._hold(watch, lambda: not (watch.is_suspect and self._before(watch)))

    def _hold(self, watch: StepWatch, may_go_on: Callable[[], bool]) -> None:
        """Wait; the engine has nothing to do with it, and is not thought hung for it."""
        with self._lock:
            if may_go_on():
                return
            self._held.append(watch)
            self._lock.wait_for(may_go_on)
            self._held.remove(watch)
            self._moved_at = self._clock()

    def _before(self, watch: StepWatch) -> list[StepWatch]:
        return self._watches[: self._watches.index(watch)]

    def watches(self) -> list[StepWatch]:
        """Return the jobs in hand, first come first."""
        with self._lock:
            return list(self._watches)

    def hung(self) -> list[StepWatch]:
        """Return the jobs that will never end: what holds them has taken far too long.

        The engine's jobs share one thread: none of them hangs while any of them moves, or while
        one is at something new that may take long.
        """
        watches = self.watches()
        on_engine = [watch for watch in watches if watch.stage in _ON_ENGINE] or [
            watch for watch in watches if watch.stage is Stage.WAITING and watch not in self._held
        ]
        moved_at = max([self._moved_at, *(watch.moved_at for watch in watches)])
        still_s = self._clock() - moved_at
        limit_s = max((watch.bound_s for watch in on_engine), default=0.0)
        return [
            *(watch for watch in on_engine if still_s >= limit_s),
            *(
                watch
                for watch in watches
                if watch.stage in _BESIDE_ENGINE and watch.stage_s >= watch.bound_s
            ),
        ]
