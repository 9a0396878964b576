"""How long each stage of a job usually takes on this worker, and after what time it is hung; pure.

Medians of the latest few, for each shape of job apart: what takes long once, as compiling for a new
size does, is not taken for hung, and a kernel that hangs is noticed within seconds.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import Final

from backend.contracts import RenderJob

KEPT: Final = 15
# The next job is asked for when about so much of this one is left: late, so that whose turn it is
# is decided late, and early enough for the answer to be there before the device is idle.
ASK_AHEAD_S: Final = (0.3, 2.0)
_ANSWERS_KEPT: Final = 8
_ANSWER_TIMES: Final = 1.5
SHAPES_MAX: Final = 300


class Stage(StrEnum):
    """Where a job is, as far as a worker can tell from outside the engine."""

    WAITING = "waiting"
    FETCHING = "fetching"
    BEGINNING = "beginning"
    STEPPING = "stepping"
    DECODING = "decoding"
    RELEASING = "releasing"
    TOLD = "told"


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """After what time, in seconds, a stage is hung.

    `least_s` and `times_usual` of what it usually takes, whichever is longer. `new_s` where nothing
    like it was seen yet: then a model may load or a kernel be compiled. Releasing and fetching are
    mostly waiting for checks, stores and disks; they are given `release_s` at least.
    """

    least_s: float = 12.0
    times_usual: float = 10.0
    new_s: float = 1800.0
    release_s: float = 180.0


class Lead:
    """How long before a job's end the next is asked for, by how long the latest answers took."""

    def __init__(self) -> None:
        self._answers_s: deque[float] = deque(maxlen=_ANSWERS_KEPT)

    def learn(self, answer_s: float) -> None:
        """Take in how long a wish waited; what took too long had nobody who wanted a picture."""
        if answer_s <= ASK_AHEAD_S[1]:
            self._answers_s.append(answer_s)

    @property
    def ask_ahead_s(self) -> float:
        """The time in seconds: that of the slowest of the latest answers and half as much."""
        least_s, most_s = ASK_AHEAD_S
        slowest_s = max(tuple(self._answers_s), default=0.0)
        return min(most_s, max(least_s, _ANSWER_TIMES * slowest_s))


class Pace:
    """Learns durations; safe to share between threads. `lead` learns how long answers take."""

    def __init__(self, *, bounds: Bounds | None = None) -> None:
        self.lead = Lead()
        self._bounds = bounds or Bounds()
        self._seen: dict[tuple[Stage, Hashable], deque[float]] = {}
        self._lock = threading.Lock()

    def learn(self, stage: Stage, shape: Hashable, seconds: float) -> None:
        """Take in how long a stage took."""
        with self._lock:
            # Newest last, so that the shape that was drawn longest ago is forgotten first.
            seen = self._seen.pop((stage, shape), None) or deque(maxlen=KEPT)
            seen.append(seconds)
            self._seen[stage, shape] = seen
            if len(self._seen) > SHAPES_MAX:
                del self._seen[next(iter(self._seen))]

    def usual_s(self, stage: Stage, shape: Hashable) -> float | None:
        """Return how long a stage usually takes; None if none like it was seen."""
        with self._lock:
            seen = self._seen.get((stage, shape))
            return median(seen) if seen else None

    def bound_s(self, stage: Stage, shape: Hashable) -> float:
        """Return after what time a stage is hung."""
        usual_s = self.usual_s(stage, shape)
        if usual_s is None:
            return self._bounds.new_s
        is_slow = stage in (Stage.RELEASING, Stage.FETCHING)
        least_s = self._bounds.release_s if is_slow else self._bounds.least_s
        return max(least_s, self._bounds.times_usual * usual_s)


def shape_of(job: RenderJob) -> Hashable:
    """Return what of a job decides which kernels it needs, and so how long its stages take."""
    is_guided = job.guidance is None or job.guidance > 1
    size = (job.aspect_width, job.aspect_height, job.image_count)
    given = (job.source is not None, job.outpaint, job.upscale, len(job.image_prompts))
    adapters = (*job.adapters, *(control.name for control in job.controls))
    return (*size, is_guided, job.sampler, given, job.is_tiled, adapters)


class AwakeClock:
    """A monotonic clock that can be told to pass over a time in which this process stood still."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._passed_over_s = 0.0

    def __call__(self) -> float:
        """Return the seconds that this process was awake."""
        return self._clock() - self._passed_over_s

    def pass_over(self, seconds: float) -> None:
        """Let the last `seconds` not have been."""
        self._passed_over_s += seconds
