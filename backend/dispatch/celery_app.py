"""The producing end of Celery. Workers have an app of their own and share only `contracts`."""

from celery import Celery

from backend.contracts import BROKER_TRANSPORT_OPTIONS

CONNECT_TIMEOUT_S = 2.0
ANSWER_TIMEOUT_S = 5.0


def open_celery(redis_url: str) -> Celery:
    """Make an app that can send; connects at the first send.

    Sending gives up after one quick retry: the job goes back to the line, which is the better place
    to wait for a broker.
    """
    app = Celery("impasto", broker=redis_url, set_as_current=False)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_send_sent_event=False,
        task_publish_retry=True,
        task_publish_retry_policy={
            "max_retries": 1,
            "interval_start": 0.05,
            "interval_step": 0.1,
            "interval_max": 0.1,
        },
        broker_connection_timeout=CONNECT_TIMEOUT_S,
        broker_transport_options={
            **BROKER_TRANSPORT_OPTIONS,
            "socket_connect_timeout": CONNECT_TIMEOUT_S,
            "socket_timeout": ANSWER_TIMEOUT_S,
        },
    )
    return app
