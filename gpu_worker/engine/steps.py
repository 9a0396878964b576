"""What is noted of a job between two steps. The engine's thread only notes; others tell and ask."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from backend.contracts import RenderJob
from gpu_worker.engine.pace import Pace, Stage, shape_of
from gpu_worker.state import Cancelled

REPORT_EVERY_S: Final = 0.2
BEAT_EVERY_S: Final = 2.0


class StepWatch:
    """An `OnStep` for one job: notes its stage and how far it is, raises when it was cancelled.

    `on_news` is called, on whatever thread it happens, when somebody should be told at once.
    """

    def __init__(
        self,
        *,
        job: RenderJob,
        pace: Pace,
        clock: Callable[[], float],
        on_news: Callable[[], None] = lambda: None,
    ) -> None:
        self.job = job
        # Held while this job's progress is told, so that none is told after its end.
        self.telling = threading.Lock()
        self._pace = pace
        self._clock = clock
        self._on_news = on_news
        self._shape = shape_of(job)
        self._lock = threading.Lock()
        self._stage = Stage.WAITING
        self._since = self._moved_at = clock()
        self._done = 0
        self._steps = job.steps or 1
        self._told: tuple[int, int] | None = None
        self._told_at = -float("inf")
        self._is_ending = self._is_cancelled = self._has_begun = False

    @property
    def is_suspect(self) -> bool:
        """Whether the job was begun before: what ended that attempt may be the job itself."""
        return self.job.attempt > 1

    @property
    def stage(self) -> Stage:
        """Where the job is."""
        return self._stage

    @property
    def stage_s(self) -> float:
        """For how long it has been there, or at this step."""
        return self._clock() - self._since

    @property
    def bound_s(self) -> float:
        """After how long there it is hung."""
        return self._pace.bound_s(self._stage, self._shape)

    @property
    def moved_at(self) -> float:
        """When the engine last showed, by this job, that it is alive."""
        return self._moved_at

    @property
    def is_ending(self) -> bool:
        """Whether so little of it is left to draw that the next job should be at hand."""
        return self._is_ending

    @property
    def is_cancelled(self) -> bool:
        """Whether it ends at its next step."""
        return self._is_cancelled

    def __call__(self, done: int, steps: int) -> None:
        """Note that so many steps are done.

        Raises:
            Cancelled: the job is no longer wanted.

        """
        with self._lock:
            is_news = self._note(done, steps)
        if is_news:
            self._on_news()
        if self._is_cancelled:
            raise Cancelled

    def begin(self) -> None:
        """Note that its beginning was told: from now on its progress may be."""
        self._has_begun = True

    @contextmanager
    def fetching(self) -> Iterator[None]:
        """Note that what the job wears is read while the block runs: no business of the engine's.

        Raises:
            Cancelled: the job is no longer wanted.

        """
        with self._lock:
            self._go_on(Stage.FETCHING)
        yield
        with self._lock:
            self._learn(1)
            self._go_on(Stage.WAITING)
        if self._is_cancelled:
            raise Cancelled

    def wait_on(self) -> None:
        """Note that it waits for what is bounded elsewhere, and is not hung.

        Raises:
            Cancelled: the job is no longer wanted.

        """
        with self._lock:
            self._since = self._moved_at = self._clock()
        if self._is_cancelled:
            raise Cancelled

    def drawn(self) -> None:
        """Note that the engine is done with it."""
        with self._lock:
            self._learn(1)
            self._go_on(Stage.RELEASING)
            self._is_ending = True
        self._on_news()

    def end(self) -> None:
        """Let no more progress be told; waits until what is being told has been."""
        with self.telling, self._lock:
            if self._stage is Stage.RELEASING:
                self._learn(1)
            self._stage = Stage.TOLD
            self._is_ending = True

    def cancel(self) -> None:
        """Have it end at its next step."""
        self._is_cancelled = True

    def news(self) -> tuple[int, int] | None:
        """Return how far it is if that is to be told now: the lease lives by it.

        Nothing is told of a job that only waits in hand: progress is taken for its beginning.
        """
        with self._lock:
            now, state = self._clock(), (self._done, self._steps)
            passed_s = now - self._told_at
            is_due = passed_s >= (BEAT_EVERY_S if state == self._told else REPORT_EVERY_S)
            is_end = self._stage is Stage.DECODING and state != self._told
            is_told_of = self._has_begun and self._stage is not Stage.TOLD
            if not is_told_of or not (is_due or is_end):
                return None
            self._told, self._told_at = state, now
            return state

    def _note(self, done: int, steps: int) -> bool:
        """Note a step; True if that should be told at once."""
        self._moved_at = self._clock()
        self._steps = steps
        is_first = self._stage is Stage.WAITING
        if not is_first and done <= self._done:
            # It waits between two steps, for others to take theirs.
            return False
        if is_first:
            self._learn(1)
            self._go_on(Stage.BEGINNING)
        else:
            self._learn(done - self._done)
            self._go_on(Stage.DECODING if done >= steps else Stage.STEPPING)
        self._done = done
        was_ending, self._is_ending = self._is_ending, self._is_ending or self._is_near_end()
        return is_first or self._is_ending != was_ending or done in (1, steps)

    def _learn(self, count: int) -> None:
        self._pace.learn(self._stage, self._shape, (self._clock() - self._since) / count)

    def _go_on(self, stage: Stage) -> None:
        now = self._clock()
        self._stage, self._since, self._moved_at = stage, now, now

    def _is_near_end(self) -> bool:
        left = self._steps - self._done
        if left <= 1:
            return True
        step_s = self._pace.usual_s(Stage.STEPPING, self._shape)
        if step_s is None:
            return False
        decode_s = self._pace.usual_s(Stage.DECODING, self._shape) or 0.0
        return left * step_s + decode_s <= self._pace.lead.ask_ahead_s
