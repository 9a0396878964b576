"""Sends leased jobs to the worker queues, and knows afterwards what still waits there."""

import asyncio
from typing import Protocol

import structlog
from celery import Celery
from redis.asyncio import Redis
from redis.exceptions import RedisError

from backend.contracts import (
    BROKER_TRANSPORT_OPTIONS,
    TASK_RENDER,
    RenderJob,
    claim_key,
    own_queue_name,
    queue_name,
)
from backend.domain.jobs import Job

VOID_TTL_S = 24 * 3600

_log = structlog.get_logger(__name__)


class Sender(Protocol):
    """Takes a leased job to the workers of its family."""

    async def send(self, message: RenderJob, *, worker: str = "") -> None:
        """Send the message, to one worker or to whoever takes it; raises what the broker raises."""


class CelerySender:
    """Puts messages on `<family>.<tier>` or `<family>.worker.<name>`, in the order of the calls."""

    def __init__(self, *, app: Celery) -> None:
        self._app = app

    async def send(self, message: RenderJob, *, worker: str = "") -> None:
        queue = (
            own_queue_name(message.family, worker)
            if worker
            else queue_name(message.family, message.tier)
        )
        await asyncio.to_thread(self._send, message, queue)

    def _send(self, message: RenderJob, queue: str) -> None:
        self._app.send_task(
            TASK_RENDER,
            args=[message.as_message()],
            queue=queue,
            task_id=task_id(message.job_id, message.attempt),
            # Celery would put the arguments, and so the prompt, into headers that end up in logs.
            argsrepr="(…)",
            kwargsrepr="{}",
        )


class RedisSentJobs:
    """Looks into the worker queues. They are short: never longer than what workers asked for."""

    def __init__(self, *, redis: Redis) -> None:
        self._redis = redis

    async def holds(self, job: Job) -> bool:
        """Return whether the attempt's message still waits in its tier's queue.

        A worker's own queue does not count: it is written to only while that worker asks, so what
        lies there when a lease has run out is waited for by nobody.
        """
        if job.lease is not None and job.lease.worker:
            return False
        return await self._find(job, queue_name(job.spec.family, job.spec.tier)) is not None

    async def void(self, job: Job) -> None:
        """Claim the attempt in no worker's name, unless a worker has claimed it."""
        try:
            await self._redis.set(claim_key(job.id, job.attempt), b"void", nx=True, ex=VOID_TTL_S)
            if job.lease is not None and job.lease.worker:
                # Nobody else ever takes from there.
                await self._drop(job, own_queue_name(job.spec.family, job.lease.worker))
        except RedisError as error:
            _log.warning("attempt_not_voided", job_id=job.id, attempt=job.attempt, error=str(error))

    async def _drop(self, job: Job, queue: str) -> None:
        message = await self._find(job, queue)
        if message is not None:
            await self._redis.lrem(_list_key(queue), 1, message)

    async def _find(self, job: Job, queue: str) -> str | None:
        wanted = f'"{task_id(job.id, job.attempt)}"'
        messages = await self._redis.lrange(_list_key(queue), 0, -1)
        texts = (text if isinstance(text, str) else text.decode() for text in messages)
        return next((text for text in texts if wanted in text), None)


def _list_key(queue: str) -> str:
    return f"{BROKER_TRANSPORT_OPTIONS['global_keyprefix']}{queue}"


def task_id(job_id: str, attempt: int) -> str:
    """Name a message so that it can be recognised in its queue."""
    return f"{job_id}:{attempt}"
