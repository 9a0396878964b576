"""What a worker reports when things go wrong, over a real broker; its artist is in our hands."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import structlog
from PIL import Image

from backend.contracts import ModelFamily, WorkerState, cancel_key, worker_key
from gpu_worker.__main__ import open_artist, open_screening
from gpu_worker.engine.loop import Engine
from gpu_worker.engine.pace import Bounds
from gpu_worker.engine.rehearsal import SleepingArtist
from gpu_worker.engine.stock import LateStock, Stock
from gpu_worker.messenger import Messenger
from gpu_worker.release.marking import Marker
from gpu_worker.release.pipeline import ReleasePipeline
from gpu_worker.release.screening import Screening
from gpu_worker.render.drawing import Artist, Drawing, DrawOrder, Run
from gpu_worker.settings import Settings
from gpu_worker.state import OutOfMemory
from gpu_worker.vitals import Dials
from gpu_worker.vram.quarantine import MOST_FAILURES
from gpu_worker.worker import Worker
from safety.errors import CredentialsInvalid
from safety.policy import DEFAULT_POLICY
from safety.provenance.certificates import Credentials
from safety.verdict import Finding, Outcome
from storage.image_store import ImageStore
from storage.object_stores.memory import MemoryObjectStore
from tests.fakes.image_checks import EachByItself
from tests.fakes.marks import a_marker, a_signer, some_credentials
from tests.integration.gpu_worker.conftest import PATIENCE_S, Line, a_render_job, wait_for


@dataclass
class FailingArtist:
    """Raises what it is given, once each, at the first step; then draws."""

    failures: list[Exception] = field(default_factory=list)

    def begin(self, order: DrawOrder) -> Run:
        return SleepingArtist(step_s=0.0, steps=1).begin(order)

    def step(self, runs: Sequence[Run]) -> None:
        if self.failures:
            raise self.failures.pop(0)
        SleepingArtist(step_s=0.0, steps=1).step(runs)

    def finish(self, run: Run) -> Drawing:
        return Drawing(
            pictures=tuple(Image.new("RGB", (32, 32), (i, 9, 9)) for i in range(run.rows))
        )


class SecondPictureCheck(EachByItself):
    """Holds every second picture."""

    name = "second"

    def look(self, pixels: Image.Image) -> list[Finding]:
        if pixels.getpixel((0, 0)) == (0, 9, 9):
            return []
        return [
            Finding(
                check=self.name,
                outcome=Outcome.REVIEW,
                category="sexual",
                rule="second.picture",
                score=0.7,
            )
        ]


class NotingArtist:
    """Counts the steps of another artist, and calls after each."""

    def __init__(self, artist: Artist) -> None:
        self.artist = artist
        self.steps = 0
        self.after_step: Callable[[int], None] = lambda _: None

    def begin(self, order: DrawOrder) -> Run:
        return self.artist.begin(order)

    def step(self, runs: Sequence[Run]) -> None:
        self.artist.step(runs)
        self.steps += 1
        self.after_step(self.steps)

    def finish(self, run: Run) -> Drawing | None:
        return self.artist.finish(run)


Start = Callable[..., Worker]


@pytest.fixture
def start(redis_url: str) -> Iterator[Start]:
    started: list[Worker] = []

    def start(
        *failures: Exception,
        objects: MemoryObjectStore | None = None,
        on_hung: Callable[[], None] = lambda: None,
        bounds: Bounds | None = None,
        artist: Artist | None = None,
        stock: Stock | None = None,
        marker: Marker | None = None,
        screening: Screening | None = None,
    ) -> Worker:
        images = ImageStore(objects=objects or MemoryObjectStore())
        opened = artist or FailingArtist(failures=list(failures))
        worker = Worker(
            name="worker-1",
            family=ModelFamily.SDXL,
            engine=Engine(open_artist=lambda: opened),
            messenger=Messenger(redis_url=redis_url, worker="worker-1"),
            images=images,
            release=ReleasePipeline(
                screening=screening
                or Screening(checks=[SecondPictureCheck()], policy=DEFAULT_POLICY),
                check_timeout_s=30.0,
                marker=marker or a_marker(),
                images=images,
            ),
            report_retry_s=5.0,
            on_hung=on_hung,
            bounds=bounds,
            stock=stock,
        )
        worker.start()
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker.close()


def test_out_of_memory_is_told_and_the_next_job_is_drawn(line: Line, start: Start):
    worker = start(OutOfMemory("4 pictures of 1024x1024 did not fit into memory."))
    worker.run(a_render_job(1))
    worker.run(a_render_job(2))
    outcome = line.outcome(a_render_job(1))
    assert (outcome.code, outcome.is_retryable) == ("out_of_memory", True)
    assert line.outcome(a_render_job(2)).kind == "render_finished"


def test_a_worker_that_cannot_sign_holds_its_job_and_rests_until_it_can(line: Line, start: Start):
    usable = False

    def credentials() -> Credentials:
        if not usable:
            raise CredentialsInvalid("missing", "no key")
        return some_credentials()

    objects = MemoryObjectStore()
    marker = a_marker(signer=a_signer(credentials=credentials))
    worker = start(marker=marker, objects=objects)
    worker.run(a_render_job(1))
    held = line.outcome(a_render_job(1))
    assert (held.kind, held.category) == ("render_blocked", "check_failed")
    assert held.rule == "credentials_missing"
    assert list(objects.list_keys("")) == []
    assert worker.desk.wants() == 0
    assert worker.vitals().provenance.trouble == "credentials_missing"
    usable = True
    assert worker.vitals().provenance.trouble == ""
    worker.run(a_render_job(2))
    assert line.outcome(a_render_job(2)).kind == "render_finished"
    assert worker.desk.wants() == 1


def test_a_worker_whose_list_is_stale_holds_its_job_and_rests_until_it_is_fresh(
    line: Line, start: Start, tmp_path: Path
):
    listed = tmp_path / "vetted.txt"
    listed.write_text("0f" * 32 + "\n")
    os.utime(listed, (time.time() - 8 * 24 * 3600,) * 2)
    document = tmp_path / "lists.toml"
    document.write_text('[[list]]\nname = "vetted"\nkind = "file"\npath = "vetted.txt"\n')
    objects = MemoryObjectStore()
    worker = start(
        objects=objects,
        screening=open_screening(Settings(hash_lists=document, home=tmp_path), objects),
    )
    worker.run(a_render_job(1))
    held = line.outcome(a_render_job(1))
    assert (held.kind, held.category, held.rule) == (
        "render_blocked",
        "check_failed",
        "vetted.stale",
    )
    assert list(objects.list_keys("")) == []
    assert worker.list_states() == {"own": "", "vetted": "stale"}
    assert worker.vitals().state is WorkerState.UNHEALTHY
    assert worker.desk.wants() == 0
    listed.touch()
    assert worker.list_states() == {"own": "", "vetted": ""}
    worker.run(a_render_job(2))
    assert line.outcome(a_render_job(2)).kind == "render_finished"
    assert worker.desk.wants() == 1


def test_a_worker_that_keeps_running_out_takes_no_jobs_until_one_was_drawn(
    line: Line, start: Start
):
    worker = start(*(OutOfMemory("It did not fit.") for _ in range(MOST_FAILURES)))
    for number in range(1, MOST_FAILURES + 1):
        assert worker.desk.wants() == 1
        worker.run(a_render_job(number))
    assert worker.desk.wants() == 0
    # One that was on its way all the same shows that the worker can.
    worker.run(a_render_job(MOST_FAILURES + 1))
    assert line.outcome(a_render_job(MOST_FAILURES + 1)).kind == "render_finished"
    assert worker.desk.wants() == 1


def test_an_unforeseen_failure_says_nothing_of_the_prompt_anywhere(line: Line, start: Start):
    worker = start(ValueError("cannot tokenise 'a secret fox'"))
    with structlog.testing.capture_logs() as logs:
        worker.run(a_render_job(1))
        worker.run(a_render_job(2))
    outcome = line.outcome(a_render_job(1))
    assert (outcome.code, outcome.is_retryable) == ("internal", True)
    assert "secret" not in outcome.message
    assert [entry["reason"] for entry in logs if entry["event"] == "job_broke"] == ["ValueError"]
    assert "secret" not in str(logs)
    assert line.outcome(a_render_job(2)).kind == "render_finished"


def test_a_held_picture_blocks_the_job_and_nothing_is_stored(line: Line, start: Start):
    objects = MemoryObjectStore()
    worker = start(objects=objects)
    worker.run(a_render_job(1, image_count=2))
    outcome = line.outcome(a_render_job(1))
    assert outcome.kind == "render_blocked"
    assert (outcome.outcome, outcome.category) == ("review", "sexual")
    assert (outcome.rule, outcome.score) == ("second.picture", 0.7)
    assert list(objects.list_keys("")) == []


def test_a_cleared_job_is_released(line: Line, start: Start):
    start().run(a_render_job(1, image_count=2, clearances=("sexual",)))
    assert len(line.outcome(a_render_job(1)).images) == 2


def test_a_full_disk_is_told(line: Line, start: Start):
    start(objects=MemoryObjectStore(capacity_bytes=10)).run(a_render_job(1))
    outcome = line.outcome(a_render_job(1))
    assert (outcome.code, outcome.is_retryable) == ("storage_full", False)
    assert "disk is full" in outcome.message


def test_the_same_attempt_is_run_once(line: Line, start: Start):
    worker = start()
    worker.run(a_render_job(1))
    worker.run(a_render_job(1))
    kinds = [report.kind for report in line.reports_of(a_render_job(1))]
    assert kinds.count("render_started") == 1
    assert kinds.count("render_finished") == 1


def test_a_long_check_after_the_last_step_is_held_on_to(
    line: Line, start: Start, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gpu_worker.engine.steps.BEAT_EVERY_S", 0.01)
    is_held = threading.Event()

    def check(_check: SecondPictureCheck, pictures: list[Image.Image]) -> list[list[Finding]]:
        is_held.wait(PATIENCE_S)
        return [[] for _ in pictures]

    monkeypatch.setattr(SecondPictureCheck, "check", check)
    job, worker = a_render_job(), start()
    running = threading.Thread(target=worker.run, args=[job])
    running.start()

    def last_steps() -> bool:
        told = [report for report in line.reports() if report.kind == "render_progress"]
        return [report.step for report in told].count(1) > 2

    wait_for(last_steps, "the last step to be told again")
    is_held.set()
    running.join()
    assert line.outcome(job).kind == "render_finished"


def test_a_job_that_never_moves_again_calls_for_help(
    line: Line, start: Start, monkeypatch: pytest.MonkeyPatch
):
    is_hung, is_helped = threading.Event(), threading.Event()

    def check(_check: SecondPictureCheck, pictures: list[Image.Image]) -> list[list[Finding]]:
        is_helped.wait(PATIENCE_S)
        return []

    monkeypatch.setattr(SecondPictureCheck, "check", check)
    worker = start(on_hung=is_hung.set, bounds=Bounds(new_s=1))
    running = threading.Thread(target=worker.run, args=[a_render_job()])
    running.start()
    assert is_hung.wait(PATIENCE_S)
    assert not line.redis.exists(worker_key(ModelFamily.SDXL, "worker-1"))
    is_helped.set()
    running.join()
    outcome = line.outcome(a_render_job())
    assert (outcome.code, outcome.is_retryable) == ("hung", True)


@pytest.mark.parametrize("engine", ["sleeping", "diffusers"])
def test_a_cancelled_job_takes_no_step_more_than_the_one_it_is_at(
    line: Line,
    start: Start,
    tmp_path: Path,
    tiny_sdxl: Path,
    engine: str,
):
    settings = Settings(home=tmp_path, engine=engine, model_sdxl=str(tiny_sdxl), sleep_step_s=0)
    artist = NotingArtist(open_artist(settings, ModelFamily.SDXL, LateStock(), Dials()))
    worker = start(artist=artist)
    job = a_render_job(1, steps=30)

    def cancel_in_the_third(steps: int) -> None:
        if steps == 3:
            line.redis.set(cancel_key(job.job_id), 1)
            wait_for(lambda: worker.desk.watches()[0].is_cancelled, "the flag to be seen")

    artist.after_step = cancel_in_the_third
    worker.run(job)
    assert line.outcome(job).kind == "render_cancelled"
    assert artist.steps == 3
