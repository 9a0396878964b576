"""Drives one job after another: claim, draw, release, report; and says that it is there.

Nothing here knows Celery; `tasks` hands jobs in.
"""

import threading
import time
import traceback
from collections.abc import Callable
from typing import TypedDict

import redis
import structlog
from PIL import Image
from redis.backoff import NoBackoff
from redis.retry import Retry

from backend.contracts import (
    REPORT_STREAM,
    ImageVariant,
    ModelFamily,
    RenderBlocked,
    RenderCancelled,
    RenderedImage,
    RenderFailed,
    RenderFinished,
    RenderJob,
    RenderProgress,
    RenderReport,
    RenderStarted,
    StageTimings,
    cancel_key,
    claim_key,
    lifeline_name,
    worker_key,
)
from gpu_worker.engine.loop import Engine
from gpu_worker.engine.steps import StepWatch
from gpu_worker.release.pipeline import Held, ReleasePipeline, StoredImage
from gpu_worker.render.drawing import Drawing, DrawOrder
from gpu_worker.state import (
    BadRequest,
    Cancelled,
    InternalError,
    RenderError,
    SourceMissing,
    StorageUnavailable,
    WorkerState,
    move,
)
from safety.verdict import Outcome
from storage import errors as storage_errors
from storage.formats import decode
from storage.image_store import ImageStore

# Longer than a message can be delivered again (the broker's visibility timeout is an hour).
CLAIM_TTL_S = 4 * 3600
CLAIM_RETRY_S = 30.0
# Four beats may get lost. With each beat goes a sign of the job in hand, which renews its lease.
PRESENCE_TTL_S = 8
PRESENCE_EVERY_S = 2.0
SLOTS = 1
_STREAM_LENGTH = 10_000
# A step must not wait long for a server that is away.
_ANSWER_TIMEOUT_S = 2.0

_log = structlog.get_logger(__name__)


class _Address(TypedDict):
    """The fields every report of a job begins with."""

    job_id: str
    attempt: int
    worker: str


class Messenger:
    """What a worker says to and hears from the rest over Redis; safe to share between threads."""

    def __init__(
        self,
        *,
        redis_url: str,
        worker: str,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis: redis.Redis = redis.Redis.from_url(
            redis_url,
            socket_connect_timeout=_ANSWER_TIMEOUT_S,
            socket_timeout=_ANSWER_TIMEOUT_S,
            # The server's list of clients shows for as long as this process lives.
            client_name=lifeline_name(worker),
            # One more try on a fresh connection: the pooled one may have died with the server.
            retry=Retry(NoBackoff(), 1),
        )
        self._sleep = sleep
        self._clock = clock

    def claim(self, job: RenderJob, token: str) -> bool:
        """Mark an attempt as ours; False if somebody else has it.

        Raises:
            redis.RedisError: nobody could be asked.

        """
        key = claim_key(job.job_id, job.attempt)
        if self._redis.set(key, token, nx=True, ex=CLAIM_TTL_S):
            return True
        # An answer that got lost on its way makes our own mark look like another's.
        return self._redis.get(key) == token.encode()

    def is_cancelled(self, job_id: str) -> bool:
        """Tell whether the job's cancel flag is up; False when nobody can be asked."""
        try:
            return bool(self._redis.exists(cancel_key(job_id)))
        except redis.RedisError:
            return False

    def tell(self, report: RenderReport) -> bool:
        """Send a report that may get lost; tell whether it went out."""
        try:
            self._send(report)
        except redis.RedisError as error:
            _log.warning("report_lost", kind=report.kind, reason=type(error).__name__)
            return False
        return True

    def deliver(self, report: RenderReport, *, within_s: float) -> bool:
        """Send a report that must arrive, again and again until it does or time is up."""
        give_up_at = self._clock() + within_s
        pause_s = 0.1
        while not self.tell(report):
            if self._clock() >= give_up_at:
                _log.error("report_given_up", kind=report.kind, job_id=report.job_id)
                return False
            self._sleep(pause_s)
            pause_s = min(2 * pause_s, 5.0)
        return True

    def be_present(self, family: ModelFamily, worker: str) -> None:
        """Say that this worker is there, for a few seconds; silent when nobody listens."""
        try:
            self._redis.set(worker_key(family, worker), SLOTS, ex=PRESENCE_TTL_S)
        except redis.RedisError as error:
            _log.warning("presence_lost", reason=type(error).__name__)

    def leave(self, family: ModelFamily, worker: str) -> None:
        """Take back the word that this worker is there."""
        try:
            self._redis.delete(worker_key(family, worker))
        except redis.RedisError:
            return

    def close(self) -> None:
        """Close all connections."""
        self._redis.close()

    def _send(self, report: RenderReport) -> None:
        self._redis.xadd(
            REPORT_STREAM,
            {"report": report.model_dump_json()},
            maxlen=_STREAM_LENGTH,
            approximate=True,
        )


class Worker:
    """Takes one job at a time from start to final report.

    `on_stuck` is called, again and again, while a job has not moved for very long.
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
        on_stuck: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self.family = family
        self._engine = engine
        self._messenger = messenger
        self._images = images
        self._release = release
        self._report_retry_s = report_retry_s
        self._on_stuck = on_stuck
        self._state = WorkerState.INITIALISING
        self._watch: StepWatch | None = None
        self._ended = threading.Event()
        self._presence = threading.Thread(target=self._keep_present, name="presence", daemon=True)

    def start(self) -> None:
        """Load the model and announce this worker.

        A model that does not load is logged, and told to every job that comes: no job waits for it.
        """
        self._engine.start()
        self._move(WorkerState.LOADING)
        began_at = time.monotonic()
        try:
            self._engine.load().result()
        except Exception as error:  # noqa: BLE001 - logged here, and raised again for each job
            self._move(WorkerState.ERROR)
            _log_failure("model_not_loaded", error)
        else:
            _log.info("model_loaded", seconds=round(time.monotonic() - began_at, 3))
        self._move(WorkerState.IDLE)
        self._presence.start()

    def close(self) -> None:
        """Say goodbye; the job in hand must have ended."""
        self._ended.set()
        self._presence.join()
        self._messenger.leave(self.family, self.name)
        self._engine.close()
        self._messenger.close()
        self._move(WorkerState.STOPPED)

    def run(self, job: RenderJob) -> None:
        """Draw a job, unless its attempt is already claimed; never raises."""
        with structlog.contextvars.bound_contextvars(job_id=job.job_id, attempt=job.attempt):
            if not self._claim(job):
                return
            self._move(WorkerState.PROCESSING)
            self._messenger.tell(RenderStarted(**self._address(job)))
            report = self._report_on(job)
            self._messenger.deliver(report, within_s=self._report_retry_s)
            _log.info("job_ended", outcome=report.kind)
            self._move(WorkerState.IDLE)

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

    def _report_on(self, job: RenderJob) -> RenderReport:
        address = self._address(job)
        self._watch = self._watch_over(job)
        try:
            return self._draw_and_release(job, self._watch)
        except Cancelled:
            return RenderCancelled(**address)
        except Held as held:
            return self._blocked(job, held)
        except RenderError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - the edge of the task
            _log_failure("job_broke", error)
            failure = InternalError("The worker failed in a way nobody foresaw; see its log.")
        finally:
            self._watch = None
        self._move(WorkerState.ERROR)
        return RenderFailed(
            **address,
            code=failure.code,
            message=str(failure),
            is_retryable=failure.is_retryable,
        )

    def _draw_and_release(self, job: RenderJob, watch: StepWatch) -> RenderFinished:
        began_at = time.perf_counter()
        if job.family is not self.family:
            raise BadRequest(f"This worker draws {self.family}, not {job.family}.")
        order = DrawOrder(job=job, source=self._read_source(job))
        self._move(WorkerState.GENERATING)
        drawing = self._engine.submit(order, watch).result()
        self._move(WorkerState.POST_PROCESSING)
        drawn_at = time.perf_counter()
        stored = self._release.release(drawing.pictures, clearances=frozenset(job.clearances))
        ended_at = time.perf_counter()
        return RenderFinished(
            **self._address(job),
            images=tuple(_rendered(job, index, image) for index, image in enumerate(stored)),
            timings=_timings(drawing, release_s=ended_at - drawn_at, total_s=ended_at - began_at),
        )

    def _watch_over(self, job: RenderJob) -> StepWatch:
        address = self._address(job)

        def report(done: int, steps: int) -> None:
            self._messenger.tell(RenderProgress(**address, step=done, steps=steps))

        return StepWatch(
            report=report,
            is_cancelled=lambda: self._messenger.is_cancelled(job.job_id),
            expected_steps=job.steps or 1,
        )

    def _read_source(self, job: RenderJob) -> Image.Image | None:
        if job.source is None:
            return None
        try:
            return decode(self._images.read(job.source.key))
        except storage_errors.StorageUnavailable as error:
            raise StorageUnavailable("The picture to start from could not be read.") from error
        except storage_errors.StorageError as error:
            raise SourceMissing("The picture to start from is no longer there.") from error

    def _blocked(self, job: RenderJob, held: Held) -> RenderBlocked:
        finding = held.finding
        return RenderBlocked(
            **self._address(job),
            outcome="review" if finding.outcome is Outcome.REVIEW else "block",
            category=finding.category,
            rule=finding.rule,
            score=finding.score,
        )

    def _keep_present(self) -> None:
        while True:
            watch = self._watch
            if watch is None or watch.hold():
                self._messenger.be_present(self.family, self.name)
            else:
                # Its lease and our presence run out: the job goes to somebody else.
                _log.error("job_stuck")
                self._on_stuck()
            if self._ended.wait(PRESENCE_EVERY_S):
                return

    def _address(self, job: RenderJob) -> _Address:
        return {"job_id": job.job_id, "attempt": job.attempt, "worker": self.name}

    def _move(self, target: WorkerState) -> None:
        self._state = move(self._state, target)
        _log.debug("state", state=target)


def _rendered(job: RenderJob, index: int, image: StoredImage) -> RenderedImage:
    kept = image.kept
    return RenderedImage(
        index=index,
        seed=job.seed + index,
        width=kept.width,
        height=kept.height,
        sha256=kept.sha256,
        size_bytes=kept.size_bytes,
        keys={ImageVariant(variant): key for variant, key in kept.keys.items()},
    )


def _timings(drawing: Drawing, *, release_s: float, total_s: float) -> StageTimings:
    return StageTimings(
        encode_s=drawing.encode_s,
        denoise_s=drawing.denoise_s,
        decode_s=drawing.decode_s + drawing.upscale_s,
        release_s=release_s,
        total_s=total_s,
    )


def _log_failure(event: str, error: BaseException) -> None:
    """Log what failed and where. Only our own errors' messages: a library's may hold a prompt."""
    _log.error(
        event,
        reason=str(error) if isinstance(error, RenderError) else type(error).__name__,
        trace="".join(traceback.format_tb(error.__traceback__)),
    )
