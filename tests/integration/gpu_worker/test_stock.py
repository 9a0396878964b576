"""What a job wears is read where the job waits, while the engine draws others."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from backend.contracts import RenderJob
from gpu_worker.state import AdapterMissing
from tests.integration.gpu_worker.conftest import PATIENCE_S, Line, a_render_job, wait_for
from tests.integration.gpu_worker.test_reports import (
    FailingArtist,
    NotingArtist,
    Start,
    start,  # noqa: F401 - a fixture
)

FOX = {"loras": [{"name": "fox"}]}


class NotingStock:
    """Notes on which thread what is read, and when it is let go of; there are no owls."""

    def __init__(self) -> None:
        self.read_on: list[str] = []
        self.in_hand: list[str] = []

    def held(self) -> frozenset[str]:
        return frozenset({"fox"})

    @contextmanager
    def hold(self, job: RenderJob) -> Iterator[None]:
        self.read_on.append(threading.current_thread().name)
        if "owl" in job.adapters:
            raise AdapterMissing("There is no LoRA named owl here; there are: fox.")
        self.in_hand.append(job.job_id)
        yield
        self.in_hand.remove(job.job_id)

    def foresee(self) -> int:
        return 0

    def controlnets(self) -> tuple[str, ...]:
        return ()


def test_a_lora_is_read_while_the_engine_draws_the_job_before(
    line: Line,
    start: Start,  # noqa: F811 - the fixture
):
    stock, gate = NotingStock(), threading.Event()
    artist = NotingArtist(FailingArtist())
    artist.after_step = lambda _: gate.wait(PATIENCE_S)
    worker = start(artist=artist, stock=stock)
    jobs = [a_render_job(1), a_render_job(2, **FOX)]
    slots = [threading.Thread(target=worker.run, args=[job], name="slot") for job in jobs]
    slots[0].start()
    wait_for(lambda: artist.steps == 1, "the first job's step")
    slots[1].start()
    wait_for(lambda: stock.in_hand, "the second job's LoRA")
    # The engine has not moved meanwhile.
    assert artist.steps == 1
    assert stock.read_on == ["slot"]
    gate.set()
    for job, slot in zip(jobs, slots, strict=True):
        assert line.outcome(job).kind == "render_finished"
        slot.join(PATIENCE_S)
    assert stock.in_hand == []


def test_a_lora_that_is_not_there_ends_its_job_with_a_code_and_the_names_of_others(
    line: Line,
    start: Start,  # noqa: F811 - the fixture
):
    worker = start(stock=NotingStock())
    missing = a_render_job(1, loras=[{"name": "owl", "scale": 0.5}])
    worker.run(missing)
    worker.run(a_render_job(2, **FOX))
    failed = line.outcome(missing)
    assert (failed.code, failed.is_retryable) == ("adapter_missing", False)
    assert failed.message == "There is no LoRA named owl here; there are: fox."
    assert line.outcome(a_render_job(2)).kind == "render_finished"
