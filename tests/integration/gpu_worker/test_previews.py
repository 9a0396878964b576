"""No picture leaves unchecked while it is drawn: every key and every object is looked at.

Real artist, worker, server and reader; only the checks are in our hands.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import pytest
import redis
from PIL import Image
from redis.asyncio import Redis

import gpu_worker
from backend.contracts import ModelFamily, RenderJob, preview_key
from backend.delivery.previews import RedisPreviews
from backend.domain.jobs import JobState
from backend.domain.requests import JobId
from gpu_worker.__main__ import open_artist, open_previews
from gpu_worker.engine.loop import Engine
from gpu_worker.engine.stock import LateStock
from gpu_worker.messenger import PREVIEW_TTL_S, Messenger
from gpu_worker.release.pipeline import ReleasePipeline
from gpu_worker.release.screening import Screening
from gpu_worker.render.drawing import OnStep
from gpu_worker.settings import Settings
from gpu_worker.vitals import Dials
from gpu_worker.worker import Worker
from safety.policy import DEFAULT_POLICY
from safety.verdict import Finding, Outcome
from storage.formats import sniff
from storage.image_store import ImageStore
from storage.object_stores.memory import MemoryObjectStore
from tests.builders import a_job
from tests.fakes.image_checks import EachByItself
from tests.fakes.marks import a_marker
from tests.integration.gpu_worker.conftest import (
    PATIENCE_S,
    Line,
    StartWorker,
    a_render_job,
    wait_for,
)

STARTER = Path(gpu_worker.__file__).parent / "starter/models/sdxl"
MAGIC = (b"WEBP", b"\x89PNG", b"\xff\xd8\xff", b"JFIF")


@dataclass
class ToldCheck(EachByItself):
    """Answers what it is told: by a finding, by raising, or not at all."""

    mood: str = "allow"
    name: str = "told"
    calls: int = 0
    is_let_go: threading.Event = field(default_factory=threading.Event)

    def look(self, pixels: Image.Image) -> list[Finding]:
        self.calls += 1
        match self.mood:
            case "raise":
                raise RuntimeError("the model is gone")
            case "hang":
                self.is_let_go.wait(PATIENCE_S)
                return []
            case "nonsense":
                return [Finding(check=self.name, outcome=Outcome.ALLOW, score=7.0)]
            case "block" | "review":
                outcome = Outcome(self.mood)
                return [Finding(check=self.name, outcome=outcome, category="sexual", rule="r")]
            case _:
                return []


class House:
    """A worker with a real artist; after each step all that can be read is looked through."""

    def __init__(self, *, line: Line, redis_url: str, model: Path, home: Path) -> None:
        self.line = line
        self.check = ToldCheck()
        self.objects = MemoryObjectStore()
        self.after_step: Callable[[int], None] = lambda _done: None
        self.found: list[str] = []
        images = ImageStore(objects=self.objects)
        release = ReleasePipeline(
            screening=Screening(checks=[self.check], policy=DEFAULT_POLICY),
            check_timeout_s=0.3,
            preview_timeout_s=0.3,
            marker=a_marker(),
            images=images,
        )
        messenger = Messenger(redis_url=redis_url, worker="worker-1")
        self.previews = open_previews(release, messenger, worker="worker-1")
        settings = Settings(home=home, model_sdxl=str(model), preview_every_s=0, preview_share=0.1)
        artist = open_artist(settings, ModelFamily.SDXL, LateStock(), Dials(), self.previews.offer)
        self.engine = Engine(open_artist=lambda: artist)
        submit = self.engine.submit

        def watched(order: object, on_step: OnStep) -> object:
            def note(done: int, steps: int) -> None:
                on_step(done, steps)
                self.after_step(done)

            return submit(order, note)  # type: ignore[arg-type]

        self.engine.submit = watched  # type: ignore[assignment, method-assign]
        self.worker = Worker(
            name="worker-1",
            family=ModelFamily.SDXL,
            engine=self.engine,
            messenger=messenger,
            images=images,
            release=release,
            previews=self.previews,
            report_retry_s=5.0,
        )
        self.worker.start()

    def probe(self) -> list[str]:
        """Return where anything lies that looks like a picture, in the server or in the store."""
        keys = [key.decode() for key in self.line.redis.scan_iter(count=1000)]
        in_server = [key for key in keys if any(one in self._read(key) for one in MAGIC)]
        return in_server + list(self.objects.list_keys(""))

    def draw(self, job: RenderJob) -> str:
        """Have a job drawn, looking after each step; return how it ended."""

        def look(_done: int) -> None:
            # Long enough for a preview that would come: the next step waits for it.
            wait_for(lambda: self.previews_are_idle(), "the previews")
            self.found += self.probe()

        self.after_step = look
        self.worker.run(job)
        return str(self.line.outcome(job).kind)

    def previews_are_idle(self) -> bool:
        """Say whether all sketches that were left have been looked at."""
        previews = self.previews
        with previews._news:
            return all(sitting.newest is None for sitting in previews._sittings.values())

    def _read(self, key: str) -> bytes:
        """Return all bytes under a key, of whatever kind it is."""
        server: redis.Redis = self.line.redis
        match server.type(key):
            case b"string":
                return bytes(server.get(key) or b"")
            case b"stream":
                entries = server.xrange(key)
                return b"".join(value for _, fields in entries for value in fields.values())
            case b"list":
                return b"".join(server.lrange(key, 0, -1))
            case b"hash":
                return b"".join(server.hvals(key))
            case b"set":
                return b"".join(server.smembers(key))
            case b"zset":
                return b"".join(server.zrange(key, 0, -1))
            case _:
                return b""


@pytest.fixture
def house(line: Line, redis_url: str, tiny_sdxl: Path, tmp_path: Path) -> Iterator[House]:
    opened = House(line=line, redis_url=redis_url, model=tiny_sdxl, home=tmp_path)
    yield opened
    opened.check.is_let_go.set()
    opened.worker.close()


def read_as_a_surface(redis_url: str, job: RenderJob) -> bytes | None:
    """Read a preview as bot and gateway do."""

    async def read() -> bytes | None:
        client: Redis = Redis.from_url(redis_url)
        try:
            asked = a_job(id=JobId(job.job_id), attempt=job.attempt, state=JobState.RENDERING)
            return await RedisPreviews(redis=client).of(asked)
        finally:
            await client.aclose()

    return asyncio.run(read())


def test_a_preview_lies_under_one_key_for_a_while_and_its_job_says_so(
    house: House, line: Line, redis_url: str
):
    """Shows as well that the probe finds what is there."""
    job = a_render_job(1, steps=20, image_count=3)
    seen: list[bytes] = []

    def look(done: int) -> None:
        if done == 10:
            wait_for(lambda: read_as_a_surface(redis_url, job), "a preview")
            house.found = house.probe()
            seen.append(read_as_a_surface(redis_url, job) or b"")
            ttl_s = line.redis.ttl(preview_key(job.job_id, job.attempt))
            assert 0 < ttl_s <= PREVIEW_TTL_S

    house.after_step = look
    house.worker.run(job)
    assert line.outcome(job).kind == "render_finished"
    assert house.found == [preview_key(job.job_id, job.attempt)]
    assert sniff(seen[0]) == "webp"
    with Image.open(BytesIO(seen[0])) as picture:
        assert picture.width == picture.height  # two by two, of three squares
    told = [report for report in line.reports_of(job) if report.kind == "render_preview"]
    assert told
    assert all(0 < report.step < report.steps == 20 for report in told)
    # The pictures are there now, and the preview is not.
    assert read_as_a_surface(redis_url, job) is None


@pytest.mark.parametrize("mood", ["block", "review", "raise", "hang", "nonsense"])
def test_nothing_can_be_read_of_what_no_check_let_pass(house: House, line: Line, mood: str):
    house.check.mood = mood
    job = a_render_job(1, steps=20, image_count=2)
    assert house.draw(job) == "render_blocked"
    assert house.check.calls > 1, "previews were looked at, not only the end"
    assert house.found == []
    assert house.probe() == []
    assert not [report for report in line.reports_of(job) if report.kind == "render_preview"]


@pytest.mark.parametrize("mood", ["block", "raise", "hang"])
def test_a_preview_is_gone_before_its_job_is_told_to_be_blocked(
    house: House, line: Line, redis_url: str, mood: str
):
    job = a_render_job(1, steps=20)
    shown: list[bool] = []

    def turn_bad(done: int) -> None:
        if done == 15:
            wait_for(lambda: read_as_a_surface(redis_url, job), "a preview")
            shown.append(True)
            house.check.mood = mood

    house.after_step = turn_bad
    at_the_end: list[list[str]] = []
    deliver = house.worker._messenger.deliver

    def note(report: object, *, within_s: float) -> bool:
        at_the_end.append(house.probe())
        return deliver(report, within_s=within_s)  # type: ignore[arg-type]

    house.worker._messenger.deliver = note  # type: ignore[assignment, method-assign]
    house.worker.run(job)
    assert shown == [True]
    assert line.outcome(job).kind == "render_blocked"
    assert at_the_end == [[]]
    assert house.probe() == []


def test_a_check_that_answers_after_the_end_shows_nothing(house: House, line: Line):
    # Every check of the job times out; then they all say that the picture is harmless.
    house.check.mood = "hang"
    job = a_render_job(1, steps=20)
    assert house.draw(job) == "render_blocked"
    house.check.is_let_go.set()
    house.check.mood = "allow"
    next_job = a_render_job(2, steps=20)
    house.after_step = lambda _done: None
    house.worker.run(next_job)
    assert line.outcome(next_job).kind == "render_finished"
    assert preview_key(job.job_id, job.attempt) not in house.probe()


def test_a_worker_told_to_show_nothing_takes_no_sketches(
    line: Line, redis_url: str, tiny_sdxl: Path, tmp_path: Path
):
    settings = Settings(home=tmp_path, model_sdxl=str(tiny_sdxl), preview_share=0)
    offered: list[object] = []
    artist = open_artist(settings, ModelFamily.SDXL, LateStock(), Dials(), offered.append)
    engine = Engine(open_artist=lambda: artist)
    images = ImageStore(objects=MemoryObjectStore())
    worker = Worker(
        name="worker-1",
        family=ModelFamily.SDXL,
        engine=engine,
        messenger=Messenger(redis_url=redis_url, worker="worker-1"),
        images=images,
        release=ReleasePipeline(
            screening=Screening(checks=[ToldCheck()], policy=DEFAULT_POLICY),
            check_timeout_s=5.0,
            marker=a_marker(),
            images=images,
        ),
    )
    worker.start()
    job = a_render_job(1, steps=20)
    worker.run(job)
    worker.close()
    assert line.outcome(job).kind == "render_finished"
    assert offered == []


def test_a_worker_process_shows_its_starter_models_picture_on_its_way(
    line: Line, start_worker: StartWorker, redis_url: str, monkeypatch: pytest.MonkeyPatch
):
    """The production process, with the checks that ship."""
    # It loads a real model, on however busy a machine.
    monkeypatch.setattr("tests.integration.gpu_worker.conftest.PATIENCE_S", 240.0)
    start_worker(
        engine="diffusers", model_sdxl=STARTER, preview_every_s=0, preview_share=0.05
    ).wait_until_present(line)
    job = a_render_job(1, prompt="a red star on a blue background", steps=150, image_count=4)
    line.send(job)
    preview = wait_for(lambda: read_as_a_surface(redis_url, job), "a preview")
    with Image.open(BytesIO(preview)) as picture:
        assert picture.size == (256, 256)
    outcome = line.outcome(job)
    assert outcome.kind == "render_finished", outcome
    assert read_as_a_surface(redis_url, job) is None
    assert outcome.recipe.files[0].name == "x4"
    assert len(outcome.recipe.pixels_sha256) == 4
    told = [report for report in line.reports_of(job) if report.kind == "render_preview"]
    assert [report.step for report in told] == sorted({report.step for report in told})
