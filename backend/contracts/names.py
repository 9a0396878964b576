"""The names that running processes share: tasks, queues, streams and keys."""

from typing import Final

from backend.domain.families import ModelFamily
from backend.domain.tiers import Tier

TASK_RENDER: Final = "impasto.render"
REPORT_STREAM: Final = "impasto:reports"
# An entry of the report stream with this field and no report only says: look at the workers now.
NUDGE_FIELD: Final = "nudge"
WORKER_KEYS: Final = "impasto:worker:*"
_LIFELINE: Final = "impasto:lifeline:"

# priority_steps=[0]: kombu would otherwise ask for every priority of every queue in turn, and so
# ignore the order class. The visibility timeout hardly matters: leases are far quicker.
BROKER_TRANSPORT_OPTIONS: Final[dict[str, object]] = {
    "priority_steps": [0],
    "visibility_timeout": 3600,
    "global_keyprefix": "impasto:celery:",
}


def queue_name(family: ModelFamily, tier: Tier) -> str:
    """Name the Celery queue of a family's tier: `sdxl.turbo`."""
    return f"{family}.{tier}"


def own_queue_name(family: ModelFamily, worker: str) -> str:
    """Name the queue of one worker, for jobs whose adapters it holds: `sdxl.worker.host-7`."""
    return f"{family}.worker.{worker}"


def cancel_key(job_id: str) -> str:
    """Name the flag that asks whoever draws this job to stop."""
    return f"impasto:cancel:{job_id}"


def claim_key(job_id: str, attempt: int) -> str:
    """Name the mark of the one worker that draws this attempt."""
    return f"impasto:claim:{job_id}:{attempt}"


def preview_key(job_id: str, attempt: int) -> str:
    """Name the short-lived key under which a drawing job's preview lies, as WebP."""
    return f"impasto:preview:{job_id}:{attempt}"


def worker_key(family: ModelFamily, worker: str) -> str:
    """Name the short-lived key of a live worker; its value is a `WorkerPresence` as JSON."""
    return f"impasto:worker:{family}:{worker}"


def lifeline_name(worker: str) -> str:
    """Name the connections that a worker keeps as long as it lives."""
    return f"{_LIFELINE}{worker}"


def lifeline_worker(name: str) -> str:
    """Return whose connection has this name; "" if it is no worker's."""
    return name.removeprefix(_LIFELINE) if name.startswith(_LIFELINE) else ""
