"""Nothing unchecked leaves, and nothing of a held job is stored."""

import threading
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import pytest
from PIL import ExifTags, Image

from gpu_worker.release.pipeline import STORE_PAUSES_S, ReleasePipeline
from gpu_worker.release.screening import Held, Screening
from gpu_worker.state import Cancelled, StorageFull
from gpu_worker.state import StorageUnavailable as WorkerStorageUnavailable
from safety.image_check import ImageCheck
from safety.policy import DEFAULT_POLICY
from safety.prompt_checks import open_prompt_check
from safety.verdict import ApprovedImage, Finding, Outcome
from storage.errors import StorageUnavailable
from storage.formats import decode
from storage.image_store import ImageStore
from storage.object_stores.memory import MemoryObjectStore
from tests.fakes.image_checks import EachByItself
from tests.fakes.marks import a_marker, some_papers

SNOW = Image.new("RGB", (64, 64), (250, 250, 255))
NIGHT = Image.new("RGB", (64, 64), (5, 5, 20))


@dataclass
class DarknessCheck(EachByItself):
    """Finds what it is told to find in dark pictures."""

    outcome: Outcome = Outcome.BLOCK
    category: str = "sexual"
    name: str = "darkness"
    seen: list[Image.Image] = field(default_factory=list)

    def look(self, pixels: Image.Image) -> list[Finding]:
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


class BrokenCheck(EachByItself):
    name = "broken"

    def look(self, pixels: Image.Image) -> list[Finding]:
        raise RuntimeError("the model is gone")


class HangingCheck(EachByItself):
    name = "hanging"

    def __init__(self) -> None:
        self.let_go = threading.Event()

    def look(self, pixels: Image.Image) -> list[Finding]:
        self.let_go.wait()
        return []


def a_release(
    *checks: ImageCheck, objects: MemoryObjectStore, timeout_s: float = 30.0
) -> ReleasePipeline:
    return ReleasePipeline(
        screening=Screening(checks=checks, policy=DEFAULT_POLICY),
        check_timeout_s=timeout_s,
        images=ImageStore(objects=objects),
        marker=a_marker(),
    )


@pytest.fixture
def objects() -> MemoryObjectStore:
    return MemoryObjectStore()


NOTHING: frozenset[str] = frozenset()


def test_clear_pictures_are_stored_pixel_for_pixel_in_their_order(objects: MemoryObjectStore):
    snow = Image.new("RGB", (64, 64), SNOW.getpixel((0, 0)))
    snow.putpixel((63, 63), (1, 2, 3))
    stored = a_release(DarknessCheck(), objects=objects).release(
        [SNOW, snow], papers=some_papers(2), clearances=NOTHING
    )
    images = ImageStore(objects=objects)
    kept = [decode(images.read(one.kept.keys["original"])) for one in stored]
    assert [one.tobytes() for one in kept] == [SNOW.tobytes(), snow.tobytes()]


def test_what_is_said_of_each_picture_is_in_its_files(objects: MemoryObjectStore):
    said = tuple({"impasto_recipe": word} for word in ("first", "second"))
    papers = some_papers(2, metadata=said, comments=("Steps: 1", "Steps: 2"))
    stored = a_release(DarknessCheck(), objects=objects).release(
        [SNOW, SNOW], clearances=NOTHING, papers=papers
    )
    images = ImageStore(objects=objects)
    for one, text, steps in zip(stored, ("first", "second"), ("1", "2"), strict=True):
        with Image.open(BytesIO(images.read(one.kept.keys["original"]))) as file:
            assert file.text["impasto_recipe"] == text
        for variant in ("webp", "jpeg", "avif"):
            with Image.open(BytesIO(images.read(one.kept.keys[variant]))) as file:
                comment = file.getexif().get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment]
                assert comment == b"UNICODE\0" + f"Steps: {steps}".encode("utf-16-be")


def test_the_same_pixels_are_stored_under_the_same_name(objects: MemoryObjectStore):
    release = a_release(DarknessCheck(), objects=objects)
    first, second = (
        release.release([SNOW], papers=some_papers(1), clearances=NOTHING)[0].kept for _ in range(2)
    )
    assert first == second


def test_one_held_picture_holds_the_whole_job_and_nothing_is_stored(objects: MemoryObjectStore):
    with pytest.raises(Held) as caught:
        a_release(DarknessCheck(), objects=objects).release(
            [SNOW, NIGHT], papers=some_papers(2), clearances=NOTHING
        )
    finding = caught.value.finding
    assert (finding.outcome, finding.category) == (Outcome.BLOCK, "sexual")
    assert (finding.rule, finding.score) == ("darkness.deep", 0.97)
    assert list(objects.list_keys("")) == []


def test_a_review_holds_too(objects: MemoryObjectStore):
    check = DarknessCheck(outcome=Outcome.REVIEW)
    with pytest.raises(Held) as caught:
        a_release(check, objects=objects).release(
            [NIGHT], papers=some_papers(1), clearances=NOTHING
        )
    assert caught.value.finding.outcome is Outcome.REVIEW
    assert list(objects.list_keys("")) == []


def test_a_cleared_category_is_released(objects: MemoryObjectStore):
    release = a_release(DarknessCheck(), objects=objects)
    assert release.release([NIGHT], papers=some_papers(1), clearances=frozenset({"sexual"}))


def test_no_clearance_counts_for_child_safety(objects: MemoryObjectStore):
    release = a_release(DarknessCheck(category="child_safety"), objects=objects)
    with pytest.raises(Held) as caught:
        release.release(
            [NIGHT], papers=some_papers(1), clearances=frozenset({"child_safety", "sexual"})
        )
    assert caught.value.finding.category == "child_safety"


def test_what_is_reported_is_what_still_stands(objects: MemoryObjectStore):
    with pytest.raises(Held) as caught:
        a_release(DarknessCheck(), BrokenCheck(), objects=objects).release(
            [NIGHT], papers=some_papers(), clearances=frozenset({"sexual"})
        )
    assert caught.value.finding.check == "broken"


def test_a_check_that_fails_blocks(objects: MemoryObjectStore):
    with pytest.raises(Held) as caught:
        a_release(BrokenCheck(), objects=objects).release(
            [SNOW], papers=some_papers(1), clearances=NOTHING
        )
    assert caught.value.finding.category == "check_failed"
    assert list(objects.list_keys("")) == []


def test_a_check_that_hangs_blocks(objects: MemoryObjectStore):
    check = HangingCheck()
    try:
        with pytest.raises(Held) as caught:
            a_release(check, objects=objects, timeout_s=0.05).release(
                [SNOW], papers=some_papers(1), clearances=NOTHING
            )
    finally:
        check.let_go.set()
    assert caught.value.finding.rule == "timed_out"


def test_without_any_check_nothing_leaves(objects: MemoryObjectStore):
    with pytest.raises(Held):
        a_release(objects=objects).release(
            [SNOW], papers=some_papers(1), clearances=frozenset({"sexual"})
        )


def test_every_picture_is_looked_at_as_it_leaves(objects: MemoryObjectStore):
    check = DarknessCheck()
    a_release(check, objects=objects).release([SNOW] * 4, papers=some_papers(4), clearances=NOTHING)
    assert [one.tobytes() for one in check.seen] == [SNOW.tobytes()] * 4


def test_a_full_store_is_said_to_be_full():
    full = MemoryObjectStore(capacity_bytes=10)
    with pytest.raises(StorageFull, match="disk is full") as caught:
        a_release(DarknessCheck(), objects=full).release(
            [SNOW], papers=some_papers(1), clearances=NOTHING
        )
    assert caught.value.code == "storage_full"
    assert not caught.value.is_retryable


class AwayStore(MemoryObjectStore):
    """Is away for so many writes."""

    away = 0

    def put(self, key: str, data: bytes, content_type: str) -> None:
        if self.away:
            self.away -= 1
            raise StorageUnavailable(key)
        super().put(key, data, content_type)


def a_patient_release(objects: MemoryObjectStore, slept: list[float]) -> ReleasePipeline:
    return ReleasePipeline(
        screening=Screening(checks=[DarknessCheck()], policy=DEFAULT_POLICY),
        check_timeout_s=30.0,
        images=ImageStore(objects=objects),
        marker=a_marker(),
        store_retry_s=60.0,
        sleep=slept.append,
        clock=lambda: sum(slept),
    )


def test_a_store_that_is_away_is_waited_for_with_growing_pauses():
    objects, slept = AwayStore(), []
    objects.away = 6
    (stored,) = a_patient_release(objects, slept).release(
        [SNOW], papers=some_papers(1), clearances=NOTHING
    )
    assert objects.exists(stored.kept.keys["original"])
    assert len(slept) == 6
    assert STORE_PAUSES_S[0] / 2 <= slept[0] <= STORE_PAUSES_S[0]
    assert STORE_PAUSES_S[1] / 2 <= slept[-1] <= STORE_PAUSES_S[1]


def test_a_store_that_stays_away_is_given_up_in_the_end():
    objects, slept = AwayStore(), []
    objects.away = 1000
    with pytest.raises(WorkerStorageUnavailable) as caught:
        a_patient_release(objects, slept).release([SNOW], papers=some_papers(1), clearances=NOTHING)
    assert caught.value.is_retryable
    assert 60 <= sum(slept) <= 60 + STORE_PAUSES_S[1]


def test_whoever_is_no_longer_wanted_does_not_wait_for_a_store():
    objects, slept = AwayStore(), []
    objects.away = 1000

    def must_go_on() -> None:
        if len(slept) == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        a_patient_release(objects, slept).release(
            [SNOW], papers=some_papers(1), clearances=NOTHING, must_go_on=must_go_on
        )
    assert len(slept) == 2


@dataclass
class WhitenessCheck(EachByItself):
    """Says of white pictures that they are explicit, as sure as it is told to be."""

    score: float
    name: str = "nsfw"

    def look(self, pixels: Image.Image) -> list[Finding]:
        is_white = pixels.getpixel((0, 0)) == SNOW.getpixel((0, 0))
        score = self.score if is_white else 0.0
        return [Finding(check=self.name, outcome=Outcome.ALLOW, rule="white", score=score)]


def test_the_worst_of_all_pictures_is_told_whichever_comes_first(objects: MemoryObjectStore):
    class Mixed(EachByItself):
        name = "mixed"

        def look(self, pixels: Image.Image) -> list[Finding]:
            is_white = pixels.getpixel((0, 0)) == SNOW.getpixel((0, 0))
            category = "sexual" if is_white else "child_safety"
            return [Finding(check=self.name, outcome=Outcome.BLOCK, category=category, rule="r")]

    with pytest.raises(Held) as caught:
        a_release(Mixed(), objects=objects).release(
            [SNOW, NIGHT], clearances=NOTHING, papers=some_papers(2)
        )
    assert caught.value.finding.category == "child_safety"
    assert caught.value.pictures == (SNOW, NIGHT)


def test_a_spoiler_is_stored_and_marked_and_the_others_are_not(objects: MemoryObjectStore):
    release = a_release(WhitenessCheck(0.5), objects=objects)
    stored = release.release([NIGHT, SNOW], clearances=NOTHING, papers=some_papers(2))
    assert [one.is_spoiler for one in stored] == [False, True]


def test_what_shows_by_itself_of_a_spoiler_is_blurred(objects: MemoryObjectStore):
    striped = Image.new("RGB", (512, 512), SNOW.getpixel((0, 0)))
    for x in range(8, 512, 16):
        striped.paste((0, 0, 0), (x, 0, x + 8, 512))
    kept = {}
    for score in (0.1, 0.5):
        release = a_release(WhitenessCheck(score), objects=MemoryObjectStore())
        (stored,) = release.release([striped], clearances=NOTHING, papers=some_papers(1))
        images = release._images
        kept[score] = {
            variant: decode(images.read(key)).convert("L").getextrema()
            for variant, key in stored.kept.keys.items()
        }
    for variant, (darkest, lightest) in kept[0.5].items():
        is_small = variant.startswith("thumbnail")
        assert (lightest - darkest < 128) == is_small, variant
    assert all(lightest - darkest > 128 for darkest, lightest in kept[0.1].values())


def test_a_preview_of_a_spoiler_is_blurred(objects: MemoryObjectStore):
    release = ReleasePipeline(
        screening=Screening(checks=[WhitenessCheck(0.5)], policy=DEFAULT_POLICY),
        check_timeout_s=30.0,
        images=ImageStore(objects=objects),
        marker=a_marker(),
        preview_blur_score=1.0,
    )
    assert release.release_preview([SNOW], clearances=NOTHING, papers=some_papers(1)).is_blurred
    assert not release.release_preview(
        [NIGHT], clearances=NOTHING, papers=some_papers(1)
    ).is_blurred


@pytest.mark.parametrize(
    ("words", "category"),
    [("a young girl zqsnow", "child_safety"), ("an old lighthouse", None)],
)
def test_an_age_in_the_words_and_nudity_in_the_picture_are_held_for_good(
    objects: MemoryObjectStore, words: str, category: str | None
):
    release = ReleasePipeline(
        screening=Screening(
            checks=[WhitenessCheck(0.45)],
            policy=DEFAULT_POLICY,
            word_checks=[open_prompt_check("blocklist")],
        ),
        check_timeout_s=30.0,
        images=ImageStore(objects=objects),
        marker=a_marker(),
    )
    if category is None:
        assert release.release([SNOW], clearances=NOTHING, papers=some_papers(1), words=words)
        return
    assert release.release([NIGHT], clearances=NOTHING, papers=some_papers(1), words=words)
    with pytest.raises(Held) as caught:
        release.release(
            [SNOW], clearances=frozenset({"sexual"}), papers=some_papers(1), words=words
        )
    assert caught.value.finding.category == category


def test_a_picture_swapped_after_it_was_judged_does_not_leave(objects: MemoryObjectStore):
    picture = SNOW.copy()

    class Swapping(Screening):
        """Somebody paints over the picture as soon as it is approved."""

        def approve(self, *arguments: Any, **named: Any) -> list[ApprovedImage]:
            approved = super().approve(*arguments, **named)
            picture.paste((5, 5, 20), (0, 0, 64, 64))
            return approved

    release = ReleasePipeline(
        screening=Swapping(checks=[DarknessCheck()], policy=DEFAULT_POLICY),
        check_timeout_s=30.0,
        images=ImageStore(objects=objects),
        marker=a_marker(),
    )
    with pytest.raises(Held) as caught:
        release.release([picture], clearances=NOTHING, papers=some_papers(1))
    assert caught.value.finding.rule == "pixels_changed"
    assert list(objects.list_keys("")) == []
