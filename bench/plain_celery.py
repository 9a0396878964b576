"""A worker of plain Celery, for comparison: takes from three queues in one of two orders.

    python bench/plain_celery.py BROKER_URL round_robin|weighted_random JOB_S SEED

`round_robin` is Celery's default. Each task only notes that it has begun, and sleeps.
"""

import random
import sys
import time

import redis
from celery import Celery
from celery.signals import worker_ready

from backend.domain.tiers import TIER_POLICIES, Tier

TASK = "draw"
KEY_PREFIX = "plain:"
READY = "plain-ready"
BEGUN = "plain-begun"


class WeightedRandom:
    """A kombu cycle that draws the order of the queues by lot, 10 : 5 : 1, before each BRPOP."""

    lot = random.Random(0)  # noqa: S311 - a lot, not a secret

    def __init__(self, queues=None) -> None:
        self.queues = list(queues or ())

    def update(self, queues) -> None:
        self.queues = list(queues)

    def consume(self, count):
        def late(queue):
            return self.lot.expovariate(TIER_POLICIES[Tier(queue)].weight)

        # The first of exponential clocks is each with the chance of its rate.
        return sorted(self.queues[:count], key=late)

    def rotate(self, last_used):
        return last_used


ORDERS = {"round_robin": "round_robin", "weighted_random": WeightedRandom}


def open_app(broker_url, *, order="round_robin", key_prefix=KEY_PREFIX):
    app = Celery("plain", broker=broker_url, set_as_current=False)
    app.conf.update(
        task_acks_late=True,
        task_ignore_result=True,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "queue_order_strategy": ORDERS[order],
            "global_keyprefix": key_prefix,
        },
    )
    return app


def main() -> None:
    broker_url, order, job_s, seed = sys.argv[1:]
    WeightedRandom.lot.seed(seed)
    app = open_app(broker_url, order=order)
    client = redis.Redis.from_url(broker_url)

    @app.task(name=TASK)
    def draw(tier) -> None:
        client.rpush(BEGUN, tier)
        time.sleep(float(job_s))

    @worker_ready.connect
    def tell(**_) -> None:
        client.rpush(READY, seed)

    app.Worker(
        hostname=f"plain{seed}",
        pool="threads",
        concurrency=1,
        queues=list(Tier),
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    ).start()


if __name__ == "__main__":
    main()
