"""Asks for one job and waits for its end, keeping alive what draws it; interrupted, it cancels."""

import asyncio
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from redis.exceptions import RedisError

from backend.cli.stack import Stack
from backend.domain.errors import JobFinished
from backend.domain.jobs import Job
from backend.domain.requests import GenerationRequest, JobId, Requester
from backend.service.services import Services

POLL_S: Final = 0.05
LOOK_EVERY_S: Final = 2.0
SERVER_PATIENCE_S: Final = 30.0


class ServerEnded(Exception):
    """The command that had started the server took it down; the job still waits in the table."""

    def __init__(self, job_id: JobId) -> None:
        super().__init__(job_id)
        self.job_id = job_id


def end_as_by_ctrl_c(*numbers: signal.Signals) -> None:
    """Let these signals, and Ctrl-C itself, interrupt this process."""
    # A shell starts what it puts in the background with SIGINT ignored, and so would we ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in numbers:
        signal.signal(number, lambda _number, _frame: signal.raise_signal(signal.SIGINT))


async def ask(services: Services, request: GenerationRequest) -> JobId:
    """Submit a request; when that is interrupted, its job is cancelled all the same.

    Raises:
        ImpastoError: the request is refused.

    """
    asking = asyncio.ensure_future(services.generations.submit(request))
    try:
        return (await asyncio.shield(asking)).job.id
    except asyncio.CancelledError:
        await _cancel(services, (await asking).job.id, request.requester)
        raise


async def wait(
    stack: Stack,
    services: Services,
    job_id: JobId,
    requester: Requester,
    *,
    show: Callable[[Job], None],
) -> Job:
    """Wait for the end of a job and return it.

    Raises:
        ServerEnded: another command took its server down; open another stack and wait on.
        RedisError: the server is away for too long.
        ProcessKeepsDying: a process that is needed cannot run.

    """
    next_look, answered_at = 0.0, time.monotonic()
    try:
        while True:
            job = (await services.generations.snapshot(job_id)).job
            if job.is_terminal:
                return job
            stack.supervisor.poll()
            # Whoever was there when we looked first may have gone since.
            if time.monotonic() > next_look:
                next_look = time.monotonic() + LOOK_EVERY_S
                answered_at = _look_after(stack, job, answered_at)
            show(job)
            await asyncio.sleep(POLL_S)
    except asyncio.CancelledError:
        await _cancel(services, job_id, requester)
        raise


def _look_after(stack: Stack, job: Job, answered_at: float) -> float:
    """Start what is missing; return when the server answered last. It may be starting anew."""
    try:
        stack.ensure(job.spec.family)
    except RedisError:
        if stack.has_lost_server():
            raise ServerEnded(job.id) from None
        if time.monotonic() - answered_at > SERVER_PATIENCE_S:
            raise
        return answered_at
    return time.monotonic()


async def _cancel(services: Services, job_id: JobId, requester: Requester) -> None:
    # It may have come to its end a moment before.
    with suppress(JobFinished):
        await services.generations.cancel(job_id, requester)
