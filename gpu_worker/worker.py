"""Drives jobs: claim, draw, release, report; several at once, each in the slot that called.

Nothing here knows Celery; `tasks` hands jobs in.
"""

import math
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Final, TypedDict

import redis
import structlog

from backend.contracts import (
    ModelFamily,
    RenderCancelled,
    RenderFailed,
    RenderFinished,
    RenderJob,
    RenderReport,
    RenderStarted,
    WorkerState,
)
from gpu_worker.course import Course
from gpu_worker.desk import Desk
from gpu_worker.engine.loop import Engine
from gpu_worker.engine.pace import AwakeClock, Bounds, Pace
from gpu_worker.engine.steps import StepWatch
from gpu_worker.engine.stock import LateStock, SteeredStock, Storekeeper
from gpu_worker.herald import Herald
from gpu_worker.host_memory import give_back_pages
from gpu_worker.messenger import Messenger
from gpu_worker.orders import read_ingredient, read_order
from gpu_worker.release.pipeline import ReleasePipeline
from gpu_worker.release.policies import judged_by, policy_of
from gpu_worker.release.previews import Previews
from gpu_worker.release.screening import Held, words_of
from gpu_worker.release.sealing import Sealing, told_held
from gpu_worker.render.drawing import OnStep
from gpu_worker.reporting import papers_for, recipe_of, rendered, reproduction_of, timings
from gpu_worker.sickbed import Sickbed, reason_of
from gpu_worker.state import (
    BadRequest,
    Cancelled,
    InternalError,
    RenderError,
    StateMachine,
    Transition,
)
from gpu_worker.vitals import Dials, Vitals
from gpu_worker.wellbeing import Wellbeing
from storage.image_store import ImageStore

CLAIM_RETRY_S: Final = 30.0

_log = structlog.get_logger(__name__)


class _Address(TypedDict):
    """The fields every report of a job begins with."""

    job_id: str
    attempt: int
    worker: str


class Worker:
    """Takes jobs from start to final report; while one is stored, the next is drawn.

    `stock` is what it has at hand beside the model, `dials` what else there is to watch.
    `on_appetite` is called when more jobs are wanted than before; `on_hung`, again and again, while
    a job hangs that nothing can free.
    """

    def __init__(
        self,
        *,
        name: str,
        family: ModelFamily,
        engine: Engine,
        messenger: Messenger,
        images: ImageStore,
        release: ReleasePipeline,
        report_retry_s: float = 300.0,
        drawn_at_once: int = 1,
        bounds: Bounds | None = None,
        stock: SteeredStock | None = None,
        previews: Previews | None = None,
        sealing: Sealing | None = None,
        dials: Dials | None = None,
        on_hung: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self.family = family
        self.on_appetite: Callable[[], object] = lambda: None
        self._engine, self._messenger = engine, messenger
        self._images, self._release = images, release
        self._previews, self._sealing = previews, sealing
        self._report_retry_s = report_retry_s
        self._clock = AwakeClock()
        self._pace = Pace(bounds=bounds)
        self._stock = stock or LateStock()
        self.desk = Desk(clock=self._clock, drawn_at_once=drawn_at_once, lead=self._pace.lead)
        self._course = Course(_note_move)
        self._dials = dials or Dials()
        self._ended: Counter[str] = Counter()
        self._counting = threading.Lock()
        self._sickbed = Sickbed(
            engine=engine,
            course=self._course,
            desk=self.desk,
            others_serve=lambda: messenger.others_serve(family, name),
            clock=self._clock,
        )
        self._herald = Herald(
            name=name,
            family=family,
            desk=self.desk,
            messenger=messenger,
            clock=self._clock,
            state=lambda: self._course.state,
            held_adapters=self._stock.held,
            controlnets=self._stock.controlnets,
            on_appetite=lambda: self.on_appetite(),
            on_hung=on_hung,
            on_round=self._sickbed.tend,
        )
        self._storekeeper = Storekeeper(stock=self._stock, is_idle=lambda: not self.desk.watches())
        self._wellbeing = Wellbeing(
            course=self._course,
            desk=self.desk,
            trouble_behind=release.trouble_behind,
            clock=self._clock,
        )

    def start(self) -> None:
        """Announce this worker and load its model; only then does it ask for jobs.

        What becomes of one whose model does not load, `sickbed` says.
        """
        self.desk.rest(math.inf)
        self._course.move(WorkerState.LOADING)
        self._herald.start()
        if self._previews is not None:
            self._previews.start()
        try:
            self._load()
        except BaseException:
            # Asked to leave meanwhile.
            self._herald.close()
            raise

    def _load(self) -> None:
        self._engine.start()
        began_at = time.monotonic()
        try:
            self._engine.load().result()
        except Exception as error:  # noqa: BLE001 - logged here, and raised again for each job
            self._course.move(WorkerState.ERROR, reason=reason_of(error))
            _log_failure("model_not_loaded", error)
            self._sickbed.lay_down(error)
        else:
            _log.info("model_loaded", seconds=round(time.monotonic() - began_at, 3))
            self._course.move(WorkerState.IDLE)
            self.desk.rest(0.0)
        self._herald.stir()
        self._storekeeper.start()

    def vitals(self) -> Vitals:
        """Return how this worker is; from any thread."""
        tally = self._engine.tally
        return Vitals(
            worker=self.name,
            family=self.family,
            state=self._course.state,
            is_hung=self._herald.is_hung,
            takes_jobs=self._course.takes_jobs and self.desk.is_asking,
            in_hand=len(self.desk.watches()),
            wanted=self.desk.wants(),
            looks=tally.looks,
            steps=tally.steps,
            steps_per_second=tally.steps_per_second(),
            ended=dict(self._ended),
            seconds=self._course.seconds(),
            entered=self._course.entered(),
            artist=self._dials.read(),
            provenance=self._release.provenance(),
        )

    def list_states(self) -> Mapping[str, str]:
        """Return what is the trouble with each list of known pictures; "" if it is well."""
        return self._release.list_states()

    def stop_asking(self) -> None:
        """Want no more jobs, and have everybody know; safe in a signal's handler."""
        self.desk.stop_asking()
        self._herald.stir()

    def close(self) -> None:
        """Say goodbye; the jobs in hand must have ended."""
        self.desk.stop_asking()
        self._course.move(WorkerState.UNLOADING)
        if self._previews is not None:
            self._previews.close()
        self._storekeeper.close()
        self._herald.close()
        self._engine.close()
        self._messenger.close()
        self._course.move(WorkerState.STOPPED)

    def run(self, job: RenderJob) -> None:
        """Draw a job, unless its attempt is already claimed; never raises. For many threads."""
        watch = StepWatch(job=job, pace=self._pace, clock=self._clock, on_news=self._herald.stir)
        self.desk.put(watch)
        try:
            with structlog.contextvars.bound_contextvars(job_id=job.job_id, attempt=job.attempt):
                # Not begun yet: what a job before this one may do to the worker costs it nothing.
                self.desk.wait_for_turn(watch)
                if self._claim(job):
                    self._drive(job, watch)
        finally:
            watch.end()
            self.desk.drop(watch)
            self._herald.stir()
            self.on_appetite()  # of what was never said to be taken, too
            if not self.desk.watches():
                give_back_pages()

    def pass_over(self) -> None:
        """Be done with a message that reached a slot and is no job."""
        self.desk.unpop()
        self.on_appetite()

    def refuse(self, *, job_id: str, attempt: int) -> None:
        """Report a message that is no job this worker can read."""
        report = RenderFailed(
            job_id=job_id,
            attempt=attempt,
            worker=self.name,
            code=BadRequest.code,
            message="The worker could not read this job.",
            is_retryable=False,
        )
        self._messenger.deliver(report, within_s=self._report_retry_s)

    def _claim(self, job: RenderJob) -> bool:
        token = f"{self.name}:{time.monotonic_ns()}"
        give_up_at = time.monotonic() + CLAIM_RETRY_S
        while True:
            try:
                is_ours = self._messenger.claim(job, token)
            except redis.RedisError as error:
                if time.monotonic() < give_up_at:
                    time.sleep(0.2)
                    continue
                # Its lease runs out and brings it back.
                _log.warning("job_not_claimed", reason=type(error).__name__)
                return False
            if not is_ours:
                _log.info("job_claimed_elsewhere")
            return is_ours

    def _drive(self, job: RenderJob, watch: StepWatch) -> None:
        with self._course.job() as course:
            course.move(WorkerState.PROCESSING)
            self._herald.begin(RenderStarted(**self._address(job)))
            watch.begin()
            self.desk.wait_alone(watch)
            if self._messenger.cancelled([job.job_id]):
                watch.cancel()
            if self._previews is not None:
                self._previews.begin(job)
            report = self._report_on(job, watch, course)
            watch.end()
            if self._previews is not None:
                self._previews.end(job)
            self._messenger.deliver(report, within_s=self._report_retry_s)
            _log.info("job_ended", outcome=report.kind)
            course.move(WorkerState.IDLE)
        with self._counting:
            self._ended[report.kind] += 1
        self._wellbeing.mind(report)

    def _report_on(self, job: RenderJob, watch: StepWatch, course: StateMachine) -> RenderReport:
        address = self._address(job)
        try:
            return self._draw_and_release(job, watch, course)
        except Cancelled:
            return RenderCancelled(**address)
        except Held as held:
            evidence = self._sealing.keep(job, held) if self._sealing else ()
            return told_held(job, self.name, held, evidence)
        except RenderError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - the edge of the task
            _log_failure("job_broke", error)
            failure = InternalError("The worker failed in a way nobody foresaw; see its log.")
        course.move(WorkerState.ERROR)
        return RenderFailed(
            **address,
            code=failure.code,
            message=str(failure),
            is_retryable=failure.is_retryable,
        )

    def _draw_and_release(
        self, job: RenderJob, watch: StepWatch, course: StateMachine
    ) -> RenderFinished:
        began_at = time.perf_counter()
        if job.family is not self.family:
            raise BadRequest(f"This worker draws {self.family}, not {job.family}.")
        with self._at_hand(job, watch, course):
            order = read_order(job, self._images)
            ingredient = read_ingredient(job, self._images)
            drawing = self._engine.submit(order, _following(watch, course)).result()
        watch.drawn()
        course.move(WorkerState.POST_PROCESSING)
        drawn_at = time.perf_counter()
        recipe = recipe_of(drawing)
        stored = self._release.release(
            drawing.pictures,
            clearances=frozenset(job.clearances),
            papers=papers_for(job, drawing, recipe, ingredient),
            words=words_of(job),
            policy=policy_of(job),
            must_go_on=watch.wait_on,
        )
        ended_at = time.perf_counter()
        return RenderFinished(
            **self._address(job),
            images=tuple(rendered(job, index, image) for index, image in enumerate(stored)),
            notes=drawing.notes,
            recipe=recipe,
            reproduction=reproduction_of(job, recipe),
            judged=judged_by(job, [one.found for one in stored]),
            timings=timings(drawing, release_s=ended_at - drawn_at, total_s=ended_at - began_at),
        )

    @contextmanager
    def _at_hand(self, job: RenderJob, watch: StepWatch, course: StateMachine) -> Iterator[None]:
        """Have what the job wears at hand; it is read here, while the engine draws others."""
        with ExitStack() as held:
            if job.outfit or job.controls:
                course.move(WorkerState.LOADING_ADAPTERS)
                with watch.fetching():
                    held.enter_context(self._stock.hold(job))
            yield

    def _address(self, job: RenderJob) -> _Address:
        return {"job_id": job.job_id, "attempt": job.attempt, "worker": self.name}


def _following(watch: StepWatch, course: StateMachine) -> OnStep:
    """Have a job's course follow its steps: it generates as soon as it has begun."""

    def on_step(done: int, steps: int) -> None:
        course.reach(WorkerState.GENERATING)
        watch(done, steps)

    return on_step


def _note_move(transition: Transition) -> None:
    facts = {"reason": transition.reason} if transition.reason else {}
    _log.info("worker_state", state=transition.target, before=transition.source, **facts)


def _log_failure(event: str, error: BaseException) -> None:
    """Log what failed and where."""
    _log.error(
        event,
        reason=reason_of(error),
        trace="".join(traceback.format_tb(error.__traceback__)),
    )
