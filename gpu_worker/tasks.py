"""The consuming end of Celery: takes messages from the family's three queues, in weighted order."""

from collections.abc import Callable, Mapping
from typing import Final

import structlog
from celery import Celery
from celery.signals import setup_logging
from pydantic import ValidationError

from backend.contracts import (
    BROKER_TRANSPORT_OPTIONS,
    TASK_RENDER,
    ModelFamily,
    RenderJob,
    Tier,
    queue_name,
)
from gpu_worker.weighted_order import StrideOrder
from gpu_worker.worker import SLOTS, Worker

_CONNECT_TIMEOUT_S: Final = 5.0

_log = structlog.get_logger(__name__)


def open_app(*, redis_url: str, worker: Worker) -> Celery:
    """Build the app whose one task hands jobs to `worker`; connects when it is served."""
    app = Celery("impasto", broker=redis_url, set_as_current=False)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        # A message is acknowledged when its job has ended; one slot holds one message, no more.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        # Cancelling is a flag, health is a key: nobody needs to reach into a worker.
        worker_enable_remote_control=False,
        broker_connection_retry=True,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            **BROKER_TRANSPORT_OPTIONS,
            "queue_order_strategy": StrideOrder,
            "socket_connect_timeout": _CONNECT_TIMEOUT_S,
            "socket_keepalive": True,
        },
    )
    app.task(name=TASK_RENDER)(_render_task(worker))
    return app


def serve(app: Celery, *, family: ModelFamily, name: str) -> int:
    """Consume until SIGTERM, which lets the job in hand finish; return the exit status."""
    setup_logging.connect(_leave_logging_alone)
    consumer = app.Worker(
        hostname=name,
        pool="threads",
        concurrency=SLOTS,
        queues=[queue_name(family, tier) for tier in Tier],
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
    consumer.start()
    return int(consumer.exitcode or 0)


def _render_task(worker: Worker) -> Callable[[object], None]:
    def render(message: object) -> None:
        try:
            job = RenderJob.model_validate(message)
        except ValidationError as error:
            # Never the error itself: it quotes what it could not read, and that may be a prompt.
            fields = [".".join(str(part) for part in issue["loc"]) for issue in error.errors()]
            _log.error("message_refused", fields=fields)
            _refuse(worker, message)
            return
        worker.run(job)

    return render


def _refuse(worker: Worker, message: object) -> None:
    """Tell whoever sent an unreadable message, if it says at least which job it means."""
    if not isinstance(message, Mapping):
        return
    job_id, attempt = message.get("job_id"), message.get("attempt")
    if isinstance(job_id, str) and isinstance(attempt, int):
        worker.refuse(job_id=job_id, attempt=attempt)


def _leave_logging_alone(**_: object) -> None:
    """Receive Celery's wish to set up logging, and so keep it from doing that."""
