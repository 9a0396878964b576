"""Nothing unchecked leaves, and nothing of a held job is stored."""

import threading
from dataclasses import dataclass, field

import pytest
from PIL import Image

from gpu_worker.release.pipeline import Held, ReleasePipeline
from gpu_worker.state import StorageFull
from safety.image_check import ImageCheck
from safety.policy import DEFAULT_POLICY
from safety.verdict import Finding, Outcome
from storage.formats import decode
from storage.image_store import ImageStore
from storage.object_stores.memory import MemoryObjectStore

SNOW = Image.new("RGB", (64, 64), (250, 250, 255))
NIGHT = Image.new("RGB", (64, 64), (5, 5, 20))


@dataclass
class DarknessCheck:
    """Finds what it is told to find in dark pictures."""

    outcome: Outcome = Outcome.BLOCK
    category: str = "sexual"
    name: str = "darkness"
    seen: list[Image.Image] = field(default_factory=list)

    def check(self, pixels: Image.Image) -> list[Finding]:
        self.seen.append(pixels)
        if pixels.getpixel((0, 0)) == SNOW.getpixel((0, 0)):
            return []
        return [
            Finding(
                check=self.name,
                outcome=self.outcome,
                category=self.category,
                rule="darkness.deep",
                score=0.97,
            )
        ]


class BrokenCheck:
    name = "broken"

    def check(self, pixels: Image.Image) -> list[Finding]:
        raise RuntimeError("the model is gone")


class HangingCheck:
    name = "hanging"

    def __init__(self) -> None:
        self.let_go = threading.Event()

    def check(self, pixels: Image.Image) -> list[Finding]:
        self.let_go.wait()
        return []


def a_release(
    *checks: ImageCheck, objects: MemoryObjectStore, timeout_s: float = 30.0
) -> ReleasePipeline:
    return ReleasePipeline(
        checks=checks,
        policy=DEFAULT_POLICY,
        check_timeout_s=timeout_s,
        images=ImageStore(objects=objects),
    )


@pytest.fixture
def objects() -> MemoryObjectStore:
    return MemoryObjectStore()


NOTHING: frozenset[str] = frozenset()


def test_clear_pictures_are_stored_pixel_for_pixel_in_their_order(objects: MemoryObjectStore):
    snow = Image.new("RGB", (64, 64), SNOW.getpixel((0, 0)))
    snow.putpixel((63, 63), (1, 2, 3))
    stored = a_release(DarknessCheck(), objects=objects).release([SNOW, snow], clearances=NOTHING)
    images = ImageStore(objects=objects)
    kept = [decode(images.read(one.kept.keys["original"])) for one in stored]
    assert [one.tobytes() for one in kept] == [SNOW.tobytes(), snow.tobytes()]


def test_the_same_pixels_are_stored_under_the_same_name(objects: MemoryObjectStore):
    release = a_release(DarknessCheck(), objects=objects)
    first, second = (release.release([SNOW], clearances=NOTHING)[0].kept for _ in range(2))
    assert first == second


def test_one_held_picture_holds_the_whole_job_and_nothing_is_stored(objects: MemoryObjectStore):
    with pytest.raises(Held) as caught:
        a_release(DarknessCheck(), objects=objects).release([SNOW, NIGHT], clearances=NOTHING)
    finding = caught.value.finding
    assert (finding.outcome, finding.category) == (Outcome.BLOCK, "sexual")
    assert (finding.rule, finding.score) == ("darkness.deep", 0.97)
    assert list(objects.list_keys("")) == []


def test_a_review_holds_too(objects: MemoryObjectStore):
    check = DarknessCheck(outcome=Outcome.REVIEW)
    with pytest.raises(Held) as caught:
        a_release(check, objects=objects).release([NIGHT], clearances=NOTHING)
    assert caught.value.finding.outcome is Outcome.REVIEW
    assert list(objects.list_keys("")) == []


def test_a_cleared_category_is_released(objects: MemoryObjectStore):
    release = a_release(DarknessCheck(), objects=objects)
    assert release.release([NIGHT], clearances=frozenset({"sexual"}))


def test_no_clearance_counts_for_child_safety(objects: MemoryObjectStore):
    release = a_release(DarknessCheck(category="child_safety"), objects=objects)
    with pytest.raises(Held) as caught:
        release.release([NIGHT], clearances=frozenset({"child_safety", "sexual"}))
    assert caught.value.finding.category == "child_safety"


def test_what_is_reported_is_what_still_stands(objects: MemoryObjectStore):
    with pytest.raises(Held) as caught:
        a_release(DarknessCheck(), BrokenCheck(), objects=objects).release(
            [NIGHT], clearances=frozenset({"sexual"})
        )
    assert caught.value.finding.check == "broken"


def test_a_check_that_fails_blocks(objects: MemoryObjectStore):
    with pytest.raises(Held) as caught:
        a_release(BrokenCheck(), objects=objects).release([SNOW], clearances=NOTHING)
    assert caught.value.finding.category == "check_failed"
    assert list(objects.list_keys("")) == []


def test_a_check_that_hangs_blocks(objects: MemoryObjectStore):
    check = HangingCheck()
    try:
        with pytest.raises(Held) as caught:
            a_release(check, objects=objects, timeout_s=0.05).release([SNOW], clearances=NOTHING)
    finally:
        check.let_go.set()
    assert caught.value.finding.rule == "timed_out"


def test_without_any_check_nothing_leaves(objects: MemoryObjectStore):
    with pytest.raises(Held):
        a_release(objects=objects).release([SNOW], clearances=frozenset({"sexual"}))


def test_every_picture_is_looked_at_as_it_leaves(objects: MemoryObjectStore):
    check = DarknessCheck()
    a_release(check, objects=objects).release([SNOW] * 4, clearances=NOTHING)
    assert [one.tobytes() for one in check.seen] == [SNOW.tobytes()] * 4


def test_a_full_store_is_said_to_be_full():
    full = MemoryObjectStore(capacity_bytes=10)
    with pytest.raises(StorageFull, match="disk is full") as caught:
        a_release(DarknessCheck(), objects=full).release([SNOW], clearances=NOTHING)
    assert caught.value.code == "storage_full"
    assert not caught.value.is_retryable
