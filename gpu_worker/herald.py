"""The one thread that tells the rest what happens here, and hears what is no longer wanted.

It beats for jobs as long as they really move, says what the worker wants, looks for cancel flags,
and calls for help when something hangs. Slots and engine only note; they never wait for a server
that is away, but for what begins and ends a job.
"""

import threading
from collections.abc import Callable
from typing import Final

import structlog

from backend.contracts import (
    ModelFamily,
    RenderFailed,
    RenderProgress,
    RenderReport,
    WorkerPresence,
    WorkerState,
)
from gpu_worker.desk import Desk
from gpu_worker.engine.pace import AwakeClock, Stage
from gpu_worker.engine.steps import StepWatch
from gpu_worker.messenger import Messenger
from gpu_worker.state import Hung

PRESENCE_EVERY_S: Final = 2.0
# How often cancel flags are looked at while there is something to cancel; all in one round trip.
FLAGS_EVERY_S: Final = 0.05
# A wait that took so much longer than it should: the process was stopped, or its host was.
ASLEEP_FOR_S: Final = 3.0
# Finished jobs that are being stored get so long when the engine hangs.
GRACE_S: Final = 10.0

_log = structlog.get_logger(__name__)


class Herald:
    """Speaks for one worker. `on_hung` is called, again and again, while something hangs.

    `on_round` is called each time it has looked around, every two seconds at least.
    """

    def __init__(
        self,
        *,
        name: str,
        family: ModelFamily,
        desk: Desk,
        messenger: Messenger,
        clock: AwakeClock,
        state: Callable[[], WorkerState],
        held_adapters: Callable[[], frozenset[str]],
        controlnets: Callable[[], tuple[str, ...]],
        on_appetite: Callable[[], object],
        on_hung: Callable[[], None],
        on_round: Callable[[], None] = lambda: None,
    ) -> None:
        self._name = name
        self._family = family
        self._desk = desk
        self._messenger = messenger
        self._clock = clock
        self._state = state
        self._held_adapters = held_adapters
        self._controlnets = controlnets
        self._on_appetite = on_appetite
        self._on_hung = on_hung
        self._on_round = on_round
        self._news = threading.Event()
        self._is_ended = False
        # Held from looking what is wanted until it is said, so that nothing older is said later.
        self._speaking = threading.Lock()
        self._said: WorkerPresence | None = None
        self._said_at = -float("inf")
        self._hung: list[StepWatch] = []
        self._hung_at = 0.0
        self._thread = threading.Thread(target=self._run, name="herald", daemon=True)

    def start(self) -> None:
        """Announce the worker, and begin."""
        self._be_present()
        self._thread.start()

    def close(self) -> None:
        """End, and say goodbye."""
        self._is_ended = True
        self._news.set()
        self._thread.join()
        self._messenger.leave(self._family, self._name)

    def stir(self) -> None:
        """Have it look at once: something happened."""
        self._news.set()

    @property
    def is_hung(self) -> bool:
        """Whether something hangs that nothing frees."""
        return bool(self._hung)

    def begin(self, report: RenderReport) -> None:
        """Tell that a job has begun, together with what is wanted now that it has."""
        with self._speaking:
            self._say(self._presence(), report=report)

    def _run(self) -> None:
        while not self._is_ended:
            pause_s = FLAGS_EVERY_S if self._desk.watches() else PRESENCE_EVERY_S
            slept_at = self._clock()
            self._news.wait(pause_s)
            self._news.clear()
            asleep_s = self._clock() - slept_at - pause_s
            if asleep_s >= ASLEEP_FOR_S:
                _log.warning("was_asleep", seconds=round(asleep_s, 1))
                self._clock.pass_over(asleep_s)
            self._go_round()
            self._on_round()

    def _go_round(self) -> None:
        self._look_for_hung()
        if not self._hung:
            self._be_present()
        watches = [watch for watch in self._desk.watches() if watch not in self._hung]
        self._look_for_flags(watches)
        for watch in watches:
            self._tell_progress(watch)

    def _be_present(self) -> None:
        """Say what is wanted if it changed or was said a while ago; nudge if it is more."""
        with self._speaking:
            presence = self._presence()
            wanted = 0 if self._said is None else self._said.wants
            is_more = presence.wants > wanted
            if is_more:
                # Before it is said: the answer may come at once.
                self._on_appetite()
            is_due = self._clock() - self._said_at >= PRESENCE_EVERY_S
            if is_due or (self._said is not None and presence != self._said):
                self._say(presence, is_nudging=is_more)

    def _presence(self) -> WorkerPresence:
        return WorkerPresence(
            slots=0 if self._desk.is_resting else self._desk.drawn_at_once,
            wants=self._desk.wants(),
            adapters=tuple(sorted(self._held_adapters())),
            controlnets=self._controlnets(),
            state=self._state(),
        )

    def _say(
        self,
        presence: WorkerPresence,
        *,
        report: RenderReport | None = None,
        is_nudging: bool = False,
    ) -> None:
        went_out = self._messenger.be_present(
            self._family, self._name, presence, report=report, is_nudging=is_nudging
        )
        self._said = presence if went_out else None
        self._said_at = self._clock()

    def _look_for_flags(self, watches: list[StepWatch]) -> None:
        drawn = [watch for watch in watches if watch.stage not in (Stage.RELEASING, Stage.TOLD)]
        flagged = self._messenger.cancelled([watch.job.job_id for watch in drawn])
        for watch in drawn:
            if watch.job.job_id in flagged:
                watch.cancel()

    def _tell_progress(self, watch: StepWatch) -> None:
        with watch.telling:
            news = watch.news()
            if news is not None:
                done, steps = news
                self._messenger.tell(
                    RenderProgress(
                        job_id=watch.job.job_id,
                        attempt=watch.job.attempt,
                        worker=self._name,
                        step=done,
                        steps=steps,
                    )
                )

    def _look_for_hung(self) -> None:
        newly = [watch for watch in self._desk.hung() if watch not in self._hung]
        if newly and not self._hung:
            self._hung_at = self._clock()
            self._desk.stop_asking()
            self._messenger.leave(self._family, self._name)
        for watch in newly:
            self._give_up(watch)
        if self._hung and self._may_end():
            self._on_hung()

    def _give_up(self, watch: StepWatch) -> None:
        """Have a job that hangs drawn elsewhere; one that only waited behind it comes back too."""
        _log.error(
            "job_hung",
            job_id=watch.job.job_id,
            attempt=watch.job.attempt,
            stage=watch.stage,
            seconds=round(watch.stage_s, 1),
        )
        self._hung.append(watch)
        self._messenger.tell(
            RenderFailed(
                job_id=watch.job.job_id,
                attempt=watch.job.attempt,
                worker=self._name,
                code=Hung.code,
                message="The worker got stuck while drawing this.",
                is_retryable=Hung.is_retryable,
            )
        )

    def _may_end(self) -> bool:
        """Whether nothing that is nearly done would be lost."""
        is_storing = any(
            watch.stage in (Stage.RELEASING, Stage.TOLD) and watch not in self._hung
            for watch in self._desk.watches()
        )
        return not is_storing or self._clock() - self._hung_at >= GRACE_S
