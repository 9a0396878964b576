"""Pictures on their way: the newest wins, nothing unchecked is shown, nothing after the end."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO

import pytest
from PIL import Image

from backend.contracts import RenderJob
from gpu_worker.release.papers import Papers
from gpu_worker.release.pipeline import ReleasedPreview, ReleasePipeline
from gpu_worker.release.previews import REST_S, Previews, Sketch
from gpu_worker.release.screening import Held, Screening
from safety.policy import DEFAULT_POLICY, Policy
from safety.verdict import CHECK_FAILED, Finding, Outcome
from storage.image_store import ImageStore
from storage.object_stores.memory import MemoryObjectStore
from tests.fakes.image_checks import EachByItself
from tests.fakes.marks import a_marker, some_papers
from tests.unit.gpu_worker.conftest import a_render_job

PATIENCE_S = 20.0
RED = Image.new("RGB", (8, 8), (255, 0, 0))


def held(category: str) -> Held:
    return Held(Finding(check="c", outcome=Outcome.BLOCK, category=category, rule="r"))


@dataclass
class Gate:
    """A `Screen` that says what it is told, once it is let."""

    is_open: threading.Event = field(default_factory=threading.Event)
    is_reached: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None

    def release_preview(
        self,
        pictures: Sequence[Image.Image],
        *,
        clearances: frozenset[str],
        papers: Papers,
        words: str,
        policy: Policy | None,
    ) -> ReleasedPreview:
        self.is_reached.set()
        assert self.is_open.wait(PATIENCE_S)
        if self.error is not None:
            raise self.error
        return ReleasedPreview(webp=bytes(str(len(pictures)), "ascii"), is_blurred=False)


class Window:
    """What can be seen, and what was."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.gate.is_open.set()
        self.now_s = 1000.0
        self.seen: dict[str, int] = {}
        self.ever: list[tuple[str, int]] = []
        self.taken_back: list[str] = []
        self.looks = 0
        self.previews = Previews(
            screen=self.gate, show=self.show, take_back=self.take_back, clock=self.look_at_clock
        )
        self.previews.start()

    def look_at_clock(self) -> float:
        self.looks += 1
        return self.now_s

    def show(self, sketch: Sketch, _preview: ReleasedPreview) -> None:
        self.seen[sketch.job.job_id] = sketch.step
        self.ever.append((sketch.job.job_id, sketch.step))

    def take_back(self, job: RenderJob) -> None:
        self.seen.pop(job.job_id, None)
        self.taken_back.append(job.job_id)

    def offer(
        self,
        job: RenderJob,
        step: int,
        draw: Callable[[], Sequence[Image.Image]] = lambda: [RED],
    ) -> None:
        self.previews.offer(Sketch(job=job, step=step, steps=10, draw=draw))

    def settle(self) -> None:
        """Wait until all that was offered before has been looked at."""
        last = a_render_job(job_id="gen_last")
        is_drawn = threading.Event()
        self.previews.begin(last)

        def draw() -> Sequence[Image.Image]:
            is_drawn.set()
            raise RuntimeError("nothing to see")

        # Those who came before are looked at before.
        self.offer(last, 1, draw)
        assert is_drawn.wait(PATIENCE_S)
        self.previews.end(last)


@pytest.fixture
def window() -> Iterator[Window]:
    opened = Window()
    yield opened
    opened.gate.is_open.set()
    opened.previews.close()
    opened.previews._thread.join(PATIENCE_S)
    assert not opened.previews._thread.is_alive()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def a_job(name: str = "gen_1", **fields: object) -> RenderJob:
    return a_render_job(job_id=name, **fields)


def test_a_sketch_that_nobody_has_looked_at_gives_way_to_a_newer_one(window: Window):
    job = a_job()
    window.previews.begin(job)
    window.gate.is_open.clear()
    window.offer(job, 1)
    assert window.gate.is_reached.wait(PATIENCE_S)
    for step in (2, 3, 4):
        window.offer(job, step)
    window.gate.is_open.set()
    wait_until(lambda: window.seen == {"gen_1": 4})
    assert window.ever == [("gen_1", 1), ("gen_1", 4)]


def test_no_job_waits_behind_anothers_second_sketch(window: Window):
    one, other = a_job("gen_1"), a_job("gen_2")
    window.previews.begin(one)
    window.previews.begin(other)
    window.gate.is_open.clear()
    window.offer(one, 1)
    assert window.gate.is_reached.wait(PATIENCE_S)
    window.offer(one, 2)
    window.offer(other, 1)
    window.gate.is_open.set()
    wait_until(lambda: len(window.ever) == 3)
    assert window.ever == [("gen_1", 1), ("gen_2", 1), ("gen_1", 2)]


def test_what_is_shown_is_taken_back_when_the_job_ends(window: Window):
    job = a_job()
    window.previews.begin(job)
    window.offer(job, 1)
    wait_until(lambda: window.seen == {"gen_1": 1})
    window.previews.end(job)
    assert (window.seen, window.taken_back) == ({}, ["gen_1"])


def test_a_check_that_ends_after_its_job_shows_nothing(window: Window):
    job = a_job()
    window.previews.begin(job)
    window.gate.is_open.clear()
    window.offer(job, 1)
    assert window.gate.is_reached.wait(PATIENCE_S)
    window.previews.end(job)
    window.gate.is_open.set()
    window.settle()
    assert (window.ever, window.taken_back) == ([], [])


def test_sketches_of_a_job_that_is_not_drawn_here_are_nothing(window: Window):
    job, again = a_job(), a_job(attempt=2)
    window.previews.begin(again)
    window.offer(job, 1)
    window.settle()
    assert window.ever == []


def test_what_may_not_be_shown_ends_all_previews_of_its_job(window: Window):
    job, other = a_job("gen_1"), a_job("gen_2")
    window.previews.begin(job)
    window.offer(job, 1)
    wait_until(lambda: window.seen == {"gen_1": 1})
    window.gate.error = held("sexual")
    window.offer(job, 2)
    wait_until(lambda: window.taken_back == ["gen_1"])
    window.gate.error = None
    window.offer(job, 3)
    window.previews.begin(other)
    window.offer(other, 1)
    wait_until(lambda: window.seen == {"gen_2": 1})
    assert window.ever == [("gen_1", 1), ("gen_2", 1)]


def test_a_check_that_fails_is_left_in_peace_for_a_while(window: Window):
    job, other = a_job("gen_1"), a_job("gen_2")
    window.previews.begin(job)
    window.previews.begin(other)
    window.gate.error = held(CHECK_FAILED)
    window.offer(job, 1)
    # Once before the check, once to know how long to rest.
    wait_until(lambda: window.looks == 2)
    window.gate.error = None
    window.offer(other, 1)
    wait_until(lambda: window.looks == 3)
    assert window.ever == []
    window.now_s += REST_S + 1
    window.offer(other, 2)
    wait_until(lambda: window.ever == [("gen_2", 2)])


def test_a_decoder_that_breaks_costs_its_job_the_previews_and_nobody_else(window: Window):
    job, other = a_job("gen_1"), a_job("gen_2")

    def break_down() -> Sequence[Image.Image]:
        raise RuntimeError("no such layer")

    window.previews.begin(job)
    window.previews.begin(other)
    window.offer(job, 1, break_down)
    window.offer(other, 1)
    wait_until(lambda: window.seen == {"gen_2": 1})
    window.offer(job, 2)
    window.settle()
    assert window.ever == [("gen_2", 1)]


@dataclass
class ScoringCheck(EachByItself):
    """Scores pictures by how red they are."""

    name: str = "redness"

    def look(self, pixels: Image.Image) -> list[Finding]:
        score = pixels.getpixel((0, 0))[0] / 255
        outcome = Outcome.ALLOW if score < 0.6 else Outcome.BLOCK
        category = "" if outcome is Outcome.ALLOW else "sexual"
        return [Finding(check=self.name, outcome=outcome, category=category, rule="r", score=score)]


def a_striped(red: int, *, width: int = 64, height: int = 64) -> Image.Image:
    """Return a picture that is not the same when blurred."""
    picture = Image.new("RGB", (width, height), (red, 0, 0))
    picture.paste((red, 255, 255), (0, height // 2, width, height))
    return picture


def a_release(objects: MemoryObjectStore) -> ReleasePipeline:
    return ReleasePipeline(
        screening=Screening(checks=[ScoringCheck()], policy=DEFAULT_POLICY),
        check_timeout_s=30.0,
        marker=a_marker(),
        images=ImageStore(objects=objects),
        preview_blur_score=0.2,
    )


def shown(preview: ReleasedPreview) -> Image.Image:
    with Image.open(BytesIO(preview.webp)) as picture:
        return picture.convert("RGB")


def test_a_harmless_preview_is_one_picture_of_all_and_nothing_is_stored():
    objects = MemoryObjectStore()
    pictures = [a_striped(0, width=64, height=32) for _ in range(3)]
    preview = a_release(objects).release_preview(
        pictures, clearances=frozenset(), papers=some_papers()
    )
    assert not preview.is_blurred
    assert shown(preview).size == (128, 64)
    assert list(objects.list_keys("")) == []


def _sharpness(preview: ReleasedPreview) -> int:
    """Return how much the picture changes across the edge in its middle."""
    picture = shown(preview)
    above, below = (picture.getpixel((32, y))[2] for y in (29, 34))
    return int(abs(above - below))


def test_a_preview_is_blurred_above_the_threshold():
    release = a_release(MemoryObjectStore())
    harmless, doubtful = (
        release.release_preview([a_striped(red)], clearances=frozenset(), papers=some_papers())
        for red in (0, 80)
    )
    assert not harmless.is_blurred
    assert doubtful.is_blurred
    assert _sharpness(harmless) > 200
    assert _sharpness(doubtful) < 120


def test_one_doubtful_picture_blurs_them_all():
    pictures = [a_striped(0), a_striped(80)]
    preview = a_release(MemoryObjectStore()).release_preview(
        pictures, clearances=frozenset(), papers=some_papers()
    )
    assert preview.is_blurred


def test_one_picture_that_may_not_be_shown_holds_the_preview():
    with pytest.raises(Held):
        a_release(MemoryObjectStore()).release_preview(
            [a_striped(0), a_striped(200)], clearances=frozenset(), papers=some_papers()
        )
