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
    queue_name,
)
from backend.domain.jobs import Job

VOID_TTL_S = 24 * 3600

_log = structlog.get_logger(__name__)


class Sender(Protocol):
    """Takes a leased job to the workers of its family."""

    async def send(self, message: RenderJob) -> None:
        """Send the message; raises whatever the broker raises."""


class CelerySender:
    """Puts messages on `<family>.<tier>`, in the order of the calls."""

    def __init__(self, *, app: Celery) -> None:
        self._app = app

    async def send(self, message: RenderJob) -> None:
        await asyncio.to_thread(self._send, message)

    def _send(self, message: RenderJob) -> None:
        self._app.send_task(
            TASK_RENDER,
            args=[message.model_dump(mode="json")],
            queue=queue_name(message.family, message.tier),
            task_id=task_id(message.job_id, message.attempt),
            # Celery would put the arguments, and so the prompt, into headers that end up in logs.
            argsrepr="(…)",
            kwargsrepr="{}",
        )


class RedisSentJobs:
    """Looks into the worker queues. They are short: never longer than the window of a tier."""

    def __init__(self, *, redis: Redis) -> None:
        self._redis = redis

    async def holds(self, job: Job) -> bool:
        queue = queue_name(job.spec.family, job.spec.tier)
        key = f"{BROKER_TRANSPORT_OPTIONS['global_keyprefix']}{queue}"
        wanted = f'"{task_id(job.id, job.attempt)}"'.encode()
        return any(wanted in message for message in await self._redis.lrange(key, 0, -1))

    async def void(self, job: Job) -> None:
        """Claim the attempt in no worker's name, unless a worker has claimed it."""
        try:
            await self._redis.set(claim_key(job.id, job.attempt), b"void", nx=True, ex=VOID_TTL_S)
        except RedisError as error:
            _log.warning("attempt_not_voided", job_id=job.id, attempt=job.attempt, error=str(error))


def task_id(job_id: str, attempt: int) -> str:
    """Name a message so that it can be recognised in its queue."""
    return f"{job_id}:{attempt}"
