"""Real worker processes on a real broker, and the reports they send."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
import redis
from celery import Celery

from backend.contracts import (
    BROKER_TRANSPORT_OPTIONS,
    REPORT_STREAM,
    TASK_RENDER,
    ModelFamily,
    RenderJob,
    RenderReport,
    Tier,
    WorkerState,
    parse_presence,
    parse_report,
    queue_name,
    worker_key,
)
from tests.fakes.models import tiny_sdxl  # noqa: F401 - a fixture
from tests.fakes.servers import dies_with_parent

PATIENCE_S = 120.0
POLL_S = 0.02
FINAL = {"render_finished", "render_blocked", "render_failed", "render_cancelled"}


def a_render_job(number: int = 1, **fields: Any) -> RenderJob:
    return RenderJob.model_validate(
        {
            "job_id": f"gen_{number}",
            "attempt": 1,
            "family": ModelFamily.SDXL,
            "tier": Tier.FAST,
            "prompt": "a secret fox",
            "seed": 7,
            "image_count": 1,
            **fields,
        }
    )


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    """Wait until the condition holds; return what it returned."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(POLL_S)
    raise AssertionError(f"waited in vain for {what}")


def wait_while_moving(measure: Callable[[], int], goal: int, what: str) -> None:
    """Wait until a count reaches its goal, for as long as it grows now and then."""
    seen, seen_at = measure(), time.monotonic()
    while seen < goal:
        assert time.monotonic() - seen_at < PATIENCE_S, f"{what} stopped at {seen} of {goal}"
        time.sleep(POLL_S)
        if (count := measure()) > seen:
            seen, seen_at = count, time.monotonic()


class Line:
    """The dispatcher's end: sends jobs, reads reports."""

    def __init__(self, redis_url: str) -> None:
        self.redis: redis.Redis = redis.Redis.from_url(redis_url)
        self._heard: list[RenderReport] = []
        self._heard_to = "-"
        self._app = Celery("tests", broker=redis_url, set_as_current=False)
        self._app.conf.broker_transport_options = dict(BROKER_TRANSPORT_OPTIONS)

    def send(self, job: RenderJob) -> None:
        self.send_raw(job.model_dump(mode="json"), queue_name(job.family, job.tier))

    def send_raw(self, message: object, queue: str) -> None:
        self._app.send_task(TASK_RENDER, args=[message], queue=queue, ignore_result=True)

    def reports(self) -> list[RenderReport]:
        """Return all that was ever reported, also of what a lost server has forgotten."""
        for name, fields in self.redis.xrange(REPORT_STREAM, min=self._heard_to):
            self._heard_to = f"({name.decode()}"
            # Others are nudges.
            if b"report" in fields:
                self._heard.append(parse_report(fields[b"report"]))
        return list(self._heard)

    def reports_of(self, job: RenderJob) -> list[RenderReport]:
        return [
            report
            for report in self.reports()
            if (report.job_id, report.attempt) == (job.job_id, job.attempt)
        ]

    def outcome(self, job: RenderJob) -> Any:
        """Wait for the job's final report and return it."""

        def final() -> list[RenderReport]:
            return [report for report in self.reports_of(job) if report.kind in FINAL]

        found: list[RenderReport] = wait_for(final, f"the end of {job.job_id}")
        return found[0]

    def queued(self, tier: Tier, family: ModelFamily = ModelFamily.SDXL) -> int:
        prefix = BROKER_TRANSPORT_OPTIONS["global_keyprefix"]
        return int(self.redis.llen(f"{prefix}{queue_name(family, tier)}"))

    def close(self) -> None:
        self._app.close()
        self.redis.close()


class WorkerProcess:
    """`python -m gpu_worker` as production runs it."""

    def __init__(self, *, name: str, family: ModelFamily, environment: dict[str, str], log: Path):
        self.name = name
        self.family = family
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(  # noqa: S603 - our own words
                [sys.executable, "-m", "gpu_worker", "--family", family, "--name", name],
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=dies_with_parent(),
            )

    def wait_until_present(self, line: Line) -> None:
        key = worker_key(self.family, self.name)

        def is_present() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            said = line.redis.get(key)
            return said is not None and parse_presence(said).state is not WorkerState.LOADING

        wait_for(is_present, f"{self.name}: {self.log.read_text()}")

    def terminate(self) -> int:
        """Send SIGTERM and return the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=PATIENCE_S)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


class StartWorker(Protocol):
    def __call__(
        self, name: str = ..., family: ModelFamily = ..., **settings: object
    ) -> WorkerProcess: ...


@pytest.fixture
def line(redis_url: str) -> Iterator[Line]:
    opened = Line(redis_url)
    yield opened
    opened.close()


@pytest.fixture
def start_worker(redis_url: str, tmp_path: Path) -> Iterator[StartWorker]:
    """Starts workers with a sleeping engine unless told otherwise; all end with the test."""
    started: list[WorkerProcess] = []

    def start(
        name: str = "worker-1", family: ModelFamily = ModelFamily.SDXL, **settings: object
    ) -> WorkerProcess:
        values = {
            "home": tmp_path / "home",
            "redis_url": redis_url,
            "engine": "sleeping",
            "sleep_step_s": 0,
            "sleep_steps": 2,
            "threads": 1,
            **settings,
        }
        environment = {
            **{name: value for name, value in os.environ.items() if "IMPASTO" not in name},
            **{f"IMPASTO_{name.upper()}": str(value) for name, value in values.items()},
        }
        worker = WorkerProcess(
            name=name, family=family, environment=environment, log=tmp_path / f"{name}.log"
        )
        started.append(worker)
        return worker

    yield start
    for worker in started:
        if worker.process.poll() is None:
            worker.kill()
