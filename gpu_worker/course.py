"""Where a worker is, over all the jobs it has in hand, and for how long it has been where.

The worker and each of its jobs go their way through the table of `state`. While the worker itself
is idle, it is said to do what its jobs do: the one that keeps the engine busy counts first.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from backend.contracts import WorkerState
from gpu_worker.state import TAKES_JOBS, Listener, StateMachine, Transition

# Of several jobs in hand, the first of these says what the worker does.
_BY_WEIGHT: Final = (
    WorkerState.LOADING_ADAPTERS,
    WorkerState.GENERATING,
    WorkerState.PROCESSING,
    WorkerState.POST_PROCESSING,
    WorkerState.ERROR,
)


def overall(own: WorkerState, jobs: Iterable[WorkerState]) -> WorkerState:
    """Return what a worker does that is at `own` and whose jobs are at these states; pure."""
    if own is not WorkerState.IDLE:
        return own
    at = set(jobs)
    return next((state for state in _BY_WEIGHT if state in at), own)


class Course:
    """The machines of a worker and of its jobs; safe to share between threads.

    Listeners are told whenever what the worker does as a whole has changed.
    """

    def __init__(self, *listeners: Listener, clock: Callable[[], float] = time.monotonic) -> None:
        self._listeners = list(listeners)
        self._clock = clock
        self._lock = threading.RLock()
        self._own = StateMachine(self._settle)
        self._jobs: list[StateMachine] = []
        self._shown = self._own.state
        self._since = clock()
        self._spent_s = dict.fromkeys(WorkerState, 0.0)
        self._entered = Counter({self._shown: 1})

    @property
    def state(self) -> WorkerState:
        """What the worker does as a whole."""
        return self._shown

    @property
    def takes_jobs(self) -> bool:
        """Whether the worker itself is in service."""
        return self._own.state in TAKES_JOBS

    @property
    def is_ill(self) -> bool:
        """Whether it is out of service until something shows that it can work."""
        return self._own.is_ill

    def listen(self, listener: Listener) -> None:
        """Tell one more listener from now on."""
        with self._lock:
            self._listeners.append(listener)

    def move(self, target: WorkerState, *, reason: str = "") -> None:
        """Have the worker itself go to `target`.

        Raises:
            IllegalMove: the table does not lead there.

        """
        with self._lock:
            self._own.move(target, reason=reason)

    def fall_ill(self, reason: str) -> None:
        """Have the worker be out of service, if it was in."""
        with self._lock:
            self._own.fall_ill(reason=reason)

    def recover(self) -> bool:
        """Have it be in service again, if it was out; tell whether that was so."""
        with self._lock:
            return self._own.recover()

    @contextmanager
    def job(self) -> Iterator[StateMachine]:
        """Count one job's way for as long as the block lasts; it begins, and should end, idle."""
        machine = StateMachine(self._settle, state=WorkerState.IDLE)
        with self._lock:
            self._jobs.append(machine)
        try:
            yield machine
        finally:
            with self._lock:
                self._jobs.remove(machine)
                self._settle(None)

    def seconds(self) -> Mapping[WorkerState, float]:
        """Return how long the worker has been in each state, until now."""
        with self._lock:
            spent = dict(self._spent_s)
            spent[self._shown] += self._clock() - self._since
            return spent

    def entered(self) -> Mapping[WorkerState, int]:
        """Return how often the worker has come into each state."""
        with self._lock:
            return dict.fromkeys(WorkerState, 0) | self._entered

    def _settle(self, cause: Transition | None) -> None:
        """See what the worker does now, after a move of its own or of a job; tell if it is new."""
        with self._lock:
            target = overall(self._own.state, (job.state for job in self._jobs))
            if target is self._shown:
                return
            now = self._clock()
            self._spent_s[self._shown] += now - self._since
            self._entered[target] += 1
            reason = cause.reason if cause else ""
            told = Transition(source=self._shown, target=target, reason=reason)
            self._shown, self._since = target, now
            for listener in self._listeners:
                listener(told)
