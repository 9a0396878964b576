"""The consuming end of Celery: takes from the family's three queues and the worker's own.

In weighted order, and only when the worker wants something.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import structlog
from celery import Celery
from celery.signals import setup_logging, worker_shutting_down
from pydantic import ValidationError

from backend.contracts import (
    BROKER_TRANSPORT_OPTIONS,
    TASK_RENDER,
    RenderJob,
    Tier,
    own_queue_name,
    queue_name,
)
from gpu_worker.weighted_order import AskingOrder
from gpu_worker.worker import Worker

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
        # The order class knows what is wanted, also after a reconnect.
        worker_enable_prefetch_count_reduction=False,
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
            "queue_order_strategy": partial(AskingOrder, appetite=worker.desk),
            "socket_connect_timeout": _CONNECT_TIMEOUT_S,
            "socket_keepalive": True,
        },
    )
    app.task(name=TASK_RENDER)(_render_task(worker))
    return app


def serve(app: Celery, *, worker: Worker) -> int:
    """Consume until SIGTERM, which lets the jobs in hand finish; return the exit status."""
    setup_logging.connect(_leave_logging_alone)

    def ask_no_more(**_: object) -> None:
        worker.stop_asking()

    worker_shutting_down.connect(ask_no_more, weak=False)
    tiers = [queue_name(worker.family, tier) for tier in Tier]
    consumer = app.Worker(
        hostname=worker.name,
        pool="threads",
        concurrency=worker.desk.slots,
        queues=[own_queue_name(worker.family, worker.name), *tiers],
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
    if consumer.hub is not None:
        # Celery's loop asks the queues when it turns; it sleeps while there is nothing to ask.
        call_soon: Callable[..., object] = consumer.hub.call_soon  # type: ignore[attr-defined]  # older stubs
        worker.on_appetite = partial(call_soon, _turn)
    consumer.start()
    return int(consumer.exitcode or 0)


def _turn() -> None:
    """Let Celery's loop go round once."""


def _render_task(worker: Worker) -> Callable[[object], None]:
    def render(message: object) -> None:
        try:
            job = RenderJob.model_validate(message)
        except ValidationError as error:
            # Never the error itself: it quotes what it could not read, and that may be a prompt.
            fields = [".".join(str(part) for part in issue["loc"]) for issue in error.errors()]
            _log.error("message_refused", fields=fields)
            worker.pass_over()
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
