"""What a worker says to and hears from the rest, over Redis."""

import time
from collections.abc import Callable, Sequence
from typing import Final

import redis
import structlog
from pydantic import ValidationError
from redis.backoff import NoBackoff
from redis.retry import Retry

from backend.contracts import (
    NUDGE_FIELD,
    REPORT_STREAM,
    ModelFamily,
    RenderJob,
    RenderPreview,
    RenderReport,
    WorkerPresence,
    WorkerState,
    cancel_key,
    claim_key,
    lifeline_name,
    parse_presence,
    preview_key,
    worker_key,
)
from gpu_worker.release.pipeline import ReleasedPreview

# Longer than a message can be delivered again (the broker's visibility timeout is an hour).
CLAIM_TTL_S: Final = 4 * 3600
# Three beats may get lost.
PRESENCE_TTL_S: Final = 8
PREVIEW_TTL_S: Final = 60
_STREAM_LENGTH: Final = 10_000
_OUT_OF_SERVICE: Final = frozenset(
    {
        WorkerState.UNHEALTHY,
        WorkerState.RECOVERING,
        WorkerState.UNLOADING,
        WorkerState.STOPPED,
    }
)
_ANSWER_TIMEOUT_S: Final = 2.0

_log = structlog.get_logger(__name__)


class Messenger:
    """Speaks for one worker; safe to share between threads."""

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

    def cancelled(self, job_ids: Sequence[str]) -> set[str]:
        """Return whose cancel flag is up; nobody's when nobody can be asked. One round trip."""
        if not job_ids:
            return set()
        try:
            flags = self._redis.mget([cancel_key(job_id) for job_id in job_ids])
        except redis.RedisError:
            return set()
        return {job_id for job_id, flag in zip(job_ids, flags, strict=True) if flag is not None}

    def tell(self, report: RenderReport) -> bool:
        """Send a report that may get lost; tell whether it went out."""
        return self._try(report.kind, lambda pipe: _add_report(pipe, report))

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

    def be_present(
        self,
        family: ModelFamily,
        worker: str,
        presence: WorkerPresence,
        *,
        report: RenderReport | None = None,
        is_nudging: bool = False,
    ) -> bool:
        """Say for a few seconds what this worker is and wants, in one with a report or a nudge.

        Whoever reads the report then finds this presence. Tell whether it went out.
        """

        def say(pipe: "redis.client.Pipeline") -> None:
            value = presence.model_dump_json()
            pipe.set(worker_key(family, worker), value, ex=PRESENCE_TTL_S)
            if report is not None:
                _add_report(pipe, report)
            elif is_nudging:
                _add(pipe, NUDGE_FIELD, worker)

        return self._try("presence" if report is None else report.kind, say)

    def others_serve(self, family: ModelFamily, worker: str) -> bool:
        """Tell whether another live worker draws this family, or will when it has loaded.

        True while nobody can be asked: whoever asks then is in no hurry to be wanted.
        """
        own = worker_key(family, worker).encode()
        try:
            keys = [key for key in self._redis.scan_iter(worker_key(family, "*")) if key != own]
            said = self._redis.mget(keys) if keys else []
        except redis.RedisError:
            return True
        return any(_serves(value) for value in said if value is not None)

    def show_preview(self, report: RenderPreview, preview: ReleasedPreview) -> bool:
        """Put a preview where it may be looked at for a while, and say so; tell if it went out."""
        key = preview_key(report.job_id, report.attempt)

        def show(pipe: "redis.client.Pipeline") -> None:
            pipe.set(key, preview.webp, ex=PREVIEW_TTL_S)
            _add_report(pipe, report)

        return self._try(report.kind, show)

    def take_preview_back(self, job: RenderJob) -> None:
        """Let nobody see a job's preview any more; what cannot be deleted now ends by itself."""
        try:
            self._redis.delete(preview_key(job.job_id, job.attempt))
        except redis.RedisError as error:
            _log.warning("preview_not_taken_back", reason=type(error).__name__)

    def leave(self, family: ModelFamily, worker: str) -> None:
        """Take back the word that this worker is there."""
        try:
            self._redis.delete(worker_key(family, worker))
        except redis.RedisError:
            return

    def close(self) -> None:
        """Close all connections."""
        self._redis.close()

    def _try(self, kind: str, say: "Callable[[redis.client.Pipeline], None]") -> bool:
        try:
            with self._redis.pipeline(transaction=True) as pipe:
                say(pipe)
                pipe.execute()
        except redis.RedisError as error:
            event = "presence_lost" if kind == "presence" else "report_lost"
            _log.warning(event, kind=kind, reason=type(error).__name__)
            return False
        return True


def _serves(said: bytes | str) -> bool:
    try:
        return parse_presence(said).state not in _OUT_OF_SERVICE
    except ValidationError:
        return False


def _add_report(pipe: "redis.client.Pipeline", report: RenderReport) -> None:
    _add(pipe, "report", report.model_dump_json())


def _add(pipe: "redis.client.Pipeline", field: str, value: str) -> None:
    pipe.xadd(REPORT_STREAM, {field: value}, maxlen=_STREAM_LENGTH, approximate=True)
